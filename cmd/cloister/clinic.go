package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/provision"
)

func newClinic(env []string) *cobra.Command {
	cmd := &cobra.Command{Use: "clinic", Short: "Make, list, change and end clinics"}
	cmd.AddCommand(newClinicCreate(env), newClinicList(env), newClinicShow(env), newClinicSpares(env))
	cmd.AddCommand(clinicChanges(env)...)
	return cmd
}

func newClinicCreate(env []string) *cobra.Command {
	var spec provision.Spec
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create --name NAME --slug SLUG --admin-email EMAIL",
		Short: "Make a clinic and a one-time link for its first admin",
		Long: "Make a clinic and a one-time link for its first admin. The same call again changes nothing;\n" +
			"one that was cut off is taken up where it stopped, and until it is whole nobody can find the clinic.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withProvision(cmd.Context(), env, func(s *provision.Service, m *keys.Master, c config) error {
				made, err := s.Create(cmd.Context(), spec, provision.By{})
				if err != nil {
					return err
				}
				link, err := adminLink(made, m, c.baseURL())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), struct {
						provision.Created
						Link string `json:"invitation_link,omitempty"`
					}{made, link})
				}
				return tellCreated(cmd.OutOrStdout(), made, link, c.baseURL())
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&spec.Name, "name", "", "the clinic's name")
	f.StringVar(&spec.Slug, "slug", "", "its part of the address: small letters, digits, hyphens")
	f.StringVar(&spec.AdminEmail, "admin-email", "", "email of its first admin, who gets a one-time link")
	f.StringVar(&spec.AdminName, "admin-name", "", "name of its first admin")
	f.StringVar(&spec.LocalName, "local-name", "", "the clinic's name in its own script")
	f.StringVar(&spec.Plan, "plan", "", "trial (default), basic, professional or enterprise")
	f.StringVar(&spec.Registration, "registration", "", "legal registration number")
	f.StringVar(&spec.GSTIN, "gstin", "", "GST number")
	f.StringVar(&spec.Address, "address", "", "street address")
	f.StringVar(&spec.City, "city", "", "city")
	f.StringVar(&spec.State, "state", "", "state")
	f.StringVar(&spec.PIN, "pin", "", "postal code, six digits")
	f.StringVar(&spec.Phone, "phone", "", "phone")
	f.StringVar(&spec.Email, "email", "", "the clinic's own email")
	f.StringVar(&spec.Website, "website", "", "the clinic's website")
	f.StringVar(&spec.Zone, "zone", "", "time zone (default Asia/Kolkata)")
	f.StringVar(&spec.Language, "language", "", "en (default), hi or mr")
	f.BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

// adminLink is the one-time link of a clinic's first admin, empty when it was
// used or has expired.
func adminLink(c provision.Created, m *keys.Master, base string) (string, error) {
	var none [16]byte
	if c.Invitation == none {
		return "", nil
	}
	links, err := identity.NewLinks(m.LinkKey(), base)
	if err != nil {
		return "", err
	}
	return links.URL(c.ID, c.Slug, identity.Token{Invitation: c.Invitation, User: c.Admin, Role: access.ClinicAdmin})
}

func tellCreated(w io.Writer, c provision.Created, link, base string) error {
	what := "made"
	if c.Existed {
		what = "is there already; nothing was changed"
	}
	rows := [][]string{{"Clinic", fmt.Sprintf("%s %s", c.Name, what)}, {"Address", base + "/clinic/" + c.Slug},
		{"Status", c.Status + ends(c.TrialEndsAt)}, {"Plan", c.Plan}}
	if link != "" {
		rows = append(rows, []string{"Link for the admin", link}, []string{"", "It works once, for seven days from the clinic's making."})
	}
	return printTable(w, rows)
}

func ends(t *time.Time) string {
	if t == nil {
		return ""
	}
	return " until " + day(t)
}

func newClinicList(env []string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the clinics",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withProvision(cmd.Context(), env, func(s *provision.Service, _ *keys.Master, _ config) error {
				all, err := s.List(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), all)
				}
				rows := [][]string{{"SLUG", "NAME", "CITY", "STATUS", "PLAN", "STAFF", "PATIENTS", "SINCE"}}
				for _, c := range all {
					rows = append(rows, []string{c.Slug, c.Name, c.City, c.Status, c.Plan, strconv.FormatInt(c.Staff, 10), strconv.FormatInt(c.Patients, 10), day(&c.CreatedAt)})
				}
				return printTable(cmd.OutOrStdout(), rows)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the list as JSON")
	return cmd
}

func newClinicShow(env []string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show SLUG",
		Short: "Show what the registry knows of a clinic",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withProvision(cmd.Context(), env, func(s *provision.Service, _ *keys.Master, _ config) error {
				d, err := s.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), d)
				}
				return tellDetails(cmd.OutOrStdout(), d)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func tellDetails(w io.Writer, d provision.Details) error {
	var rows [][]string
	add := func(what, v string) {
		if v != "" {
			rows = append(rows, []string{what, v})
		}
	}
	add("Name", d.Name)
	add("Local name", d.LocalName)
	add("Slug", d.Slug)
	for _, old := range d.OldSlugs {
		add("Old slug", old)
	}
	add("Id", d.ID.String())
	add("Status", d.Status+ends(d.TrialEndsAt))
	add("Reason", d.StatusReason)
	add("Plan", d.Plan)
	add("Registration", d.Registration)
	add("GSTIN", d.GSTIN)
	add("Address", d.Address)
	add("City", d.City)
	add("State", d.State)
	add("PIN", d.PIN)
	add("Phone", d.Phone)
	add("Email", d.Email)
	add("Website", d.Website)
	add("Zone", d.Zone)
	add("Language", d.Language)
	add("Schema", fmt.Sprintf("%s, %s, version %d", d.Schema, d.SchemaState, d.SchemaVersion))
	add("Made on", day(&d.CreatedAt))
	add("Erased after", day(d.DeleteAfter))
	add("Erased on", day(d.DeletedAt))
	for _, kind := range []string{"doctors", "receptionists", "lab_technicians", "staff", "patients"} {
		add("Uses "+kind, strconv.FormatInt(d.Usage[kind], 10))
	}
	for _, e := range d.Ledger {
		add(day(&e.Started), e.Action+failure(e.Error))
	}
	return printTable(w, rows)
}

func failure(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func newClinicSpares(env []string) *cobra.Command {
	var target int
	var pause time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "spares --target N",
		Short: "Keep schemas ready, so that a new clinic is there at once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withProvision(cmd.Context(), env, func(s *provision.Service, _ *keys.Master, _ config) error {
				bar := newBar(cmd.ErrOrStderr(), target, "spare schemas")
				out, err := s.EnsureSpares(cmd.Context(), target, pause, bar.set)
				bar.end()
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), out)
				}
				busy := ""
				if out.Busy {
					busy = "; another process is making them"
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d spare schemas are ready, %d made now%s\n", out.Ready, out.Made, busy)
				return err
			})
		},
	}
	cmd.Flags().IntVar(&target, "target", 3, "how many to keep ready")
	cmd.Flags().DurationVar(&pause, "pause", 250*time.Millisecond, "pause after each, for the sake of the clinics at work")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}
