package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants/provision"
)

func newOperator(env []string) *cobra.Command {
	cmd := &cobra.Command{Use: "operator", Short: "Let people run the platform"}
	cmd.AddCommand(newOperatorCreate(env))
	return cmd
}

func newOperatorCreate(env []string) *cobra.Command {
	var email, name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create --email EMAIL --name NAME",
		Short: "Make an operator, or give one a new password, read from standard input",
		Long: "Make an operator of the platform. The password is read from the first line of standard input, never from\n" +
			"the command line, where others could see it. With the email of one that is there, the name and the password are changed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withProvision(cmd.Context(), env, func(s *provision.Service, _ *keys.Master, c config) error {
				password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				var p apperr.Problems
				identity.CheckPassword(&p, "password", password, email, name)
				if err := p.Err(); err != nil {
					return err
				}
				hash, err := identity.HashPassword(password)
				if err != nil {
					return err
				}
				id, created, err := s.SaveOperator(cmd.Context(), email, name, hash)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), map[string]any{"id": id, "email": email, "created": created})
				}
				did := "is an operator now"
				if !created {
					did = "has the new name and password"
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s; sign in at %s%s\n", email, did, c.baseURL(), identity.PlatformPath)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "what the operator signs in with")
	cmd.Flags().StringVar(&name, "name", "", "the operator's name")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	return cmd
}

// readPassword takes a line, unseen where a person types it.
func readPassword(in io.Reader, prompt io.Writer) (string, error) {
	if f, ok := in.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(f.Fd())) {
		if _, err := fmt.Fprint(prompt, "Password: "); err != nil {
			return "", err
		}
		b, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(prompt)
		return string(b), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
