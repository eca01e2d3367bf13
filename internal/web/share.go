package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/share"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) shareRoutes() []httpx.Route {
	at := httpx.ClinicPath
	row := func(method, path string, c access.Capability, h httpx.Handler) httpx.Route {
		return httpx.Route{Method: method, Path: at + path, Gate: httpx.Capable, Capability: c, Handler: h}
	}
	create := row(http.MethodPost, "/prescriptions/{id}/share", access.ShareCreate, s.sharePost)
	create.Timeout = time.Minute // a mail server may be slow
	return []httpx.Route{
		row(http.MethodGet, "/prescriptions/{id}/share", access.ShareView, s.share), create,
		row(http.MethodPost, "/shares/{id}/revoke", access.ShareRevoke, s.shareRevoke),
		// Whoever has the address may send its form: see Anywhere.
		{Method: http.MethodGet, Path: at + "/s/{token}", Gate: httpx.Visitor, Handler: s.shared},
		{Method: http.MethodPost, Path: at + "/s/{token}", Gate: httpx.Visitor, Strict: true, Anywhere: true, Handler: s.sharedPost},
		{Method: http.MethodGet, Path: at + "/s/{token}/pdf", Gate: httpx.Visitor, Strict: true, Timeout: time.Minute, Handler: s.sharedPDF},
	}
}

func (s *Site) share(w http.ResponseWriter, r *http.Request) error {
	return s.showShares(w, r, http.StatusOK, page.ShareForm{}, nil)
}

// showShares draws a prescription's links; f is the form as it was sent, made the
// link that it made.
func (s *Site) showShares(w http.ResponseWriter, r *http.Request, status int, f page.ShareForm, made *page.ShareMade) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	about, links, err := s.Shares.List(r.Context(), id)
	if err != nil {
		return err
	}
	l, at, info := s.words(r), base(r), httpx.From(r.Context())
	paper := at.At("/prescriptions/" + id.String() + "/print")
	p := page.Shares{Base: at, Made: made, Shell: s.shell(r, "/patients", l.T("share.title"), ui.Crumb{Label: l.T("nav.patients"), Href: at.At("/patients")},
		ui.Crumb{Label: about.Name.Reveal(), Href: at.Patient(about.Record.String())}, ui.Crumb{Label: l.T("rx.number", "Number", about.Number), Href: paper})}
	p.Shell.Failed = len(f.Errors) > 0
	p.About, p.Back = dots(about.Number, about.Name.Reveal(), about.Patient), paper
	for _, k := range links {
		p.Rows = append(p.Rows, shareRow(l, k, info.Can(access.ShareRevoke)))
	}
	switch {
	case !about.Live:
		p.Refused = l.T("error.share.state")
	case !about.Askable:
		p.Refused = l.T("error.share.question")
	case info.Can(access.ShareCreate):
		if f.Channel == "" {
			f.Channel, f.Phone, f.Email, f.Days = share.WhatsApp, about.Phone.Reveal(), about.Email.Reveal(), strconv.Itoa(share.DefaultDays)
			if f.Phone == "" {
				f.Channel = share.Copy
			}
		}
		// After a link was made the form is for another one.
		if f.Once == "" || made != nil {
			f.Once = once()
		}
		f.Action = at.At("/prescriptions/" + id.String() + "/share")
		for _, c := range share.Channels() {
			f.Channels = append(f.Channels, ui.Option{Value: c, Label: shareChannel(l, c)})
		}
		for _, n := range share.Terms() {
			f.Terms = append(f.Terms, ui.Option{Value: strconv.Itoa(n), Label: l.N("share.days", n)})
		}
		p.Form = &f
	}
	return s.show(w, r, status, page.SharesPage(p))
}

func shareChannel(l *locale.Loc, channel string) string {
	switch channel {
	case share.WhatsApp:
		return "WhatsApp"
	case share.SMS:
		return "SMS"
	case share.Email:
		return l.T("share.email")
	}
	return l.T("share.copy")
}

func shareRow(l *locale.Loc, k share.Link, may bool) page.ShareRow {
	to := dots(shareChannel(l, k.Channel), k.Recipient.Reveal())
	if k.Channel == share.Copy {
		to = l.T("share.copied")
	}
	row := page.ShareRow{ID: k.ID.String(), To: to, Made: dots(l.DateTime(k.Created), k.By), Until: l.DateTime(k.Expires), State: shareState(l, k.State)}
	switch {
	case k.State == share.Revoked:
		row.Note = dots(l.DateTime(k.Revoked), k.RevokedBy)
	case k.State == share.Locked:
		row.Note = l.T("share.locked_note")
	case k.Delivery == "failed":
		row.Note = l.T("share.mail_failed")
	case k.Delivery == "sent":
		row.Note = l.T("share.mail_sent")
	}
	row.Opened = l.T("share.never")
	if k.Opened > 0 {
		row.Opened = l.N("share.opened", k.Opened)
		row.Last = l.DateTime(k.LastOpened)
		if k.Opened > 1 {
			row.Last = l.DateTime(k.FirstOpened) + " – " + row.Last
		}
	}
	if k.Downloads > 0 {
		row.Files = l.N("share.downloads", k.Downloads)
	}
	row.Revocable = may && (k.State == share.Open || k.State == share.Locked)
	return row
}

func shareState(l *locale.Loc, st share.State) ui.Flag {
	switch st {
	case share.Open:
		return ui.Flag{Kind: "done", Icon: "check", Text: l.T("share.open")}
	case share.Revoked:
		return ui.Flag{Icon: "x", Text: l.T("share.revoked")}
	case share.Locked:
		return ui.Flag{Kind: "stat", Icon: "triangle-alert", Text: l.T("share.locked")}
	case share.Withdrawn:
		return ui.Flag{Icon: "x", Text: l.T("share.withdrawn")}
	}
	return ui.Flag{Icon: "clock", Text: l.T("share.expired")}
}

// sharePost makes a link and shows it, now and never again: its address is kept
// nowhere. That is why the answer is a page; sent again, the form shows the same.
func (s *Site) sharePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	f := page.ShareForm{Once: formKey(r).String(), Channel: text(r, "channel"), Phone: text(r, "phone"), Email: text(r, "email"), Days: text(r, "days")}
	wish := share.Wish{Channel: f.Channel, Recipient: f.Phone}
	if f.Channel == share.Email {
		wish.Recipient = f.Email
	}
	wish.Days, _ = strconv.Atoi(f.Days) // none is no choice, which Create says
	m, err := s.Shares.Create(r.Context(), uuid.MustParse(f.Once), id, wish)
	if err != nil {
		var left error
		if f.Errors, left = FormErrors(s.words(r), err); left != nil {
			if !apperr.Is(left, apperr.Conflict) {
				return left
			}
			return s.showShares(w, r, http.StatusConflict, page.ShareForm{}, nil)
		}
		return s.showShares(w, r, http.StatusUnprocessableEntity, f, nil)
	}
	made, err := s.sendOn(r, m)
	if err != nil {
		return err
	}
	return s.showShares(w, r, http.StatusOK, page.ShareForm{}, &made)
}

// sendOn mails a new link, or says how to send it on.
func (s *Site) sendOn(r *http.Request, m share.Made) (page.ShareMade, error) {
	l := s.words(r)
	link := s.origin(r) + base(r).At("/s/"+m.Token)
	theirs := s.Words.For(locale.Choose(m.About.Language, "", httpx.From(r.Context()).Clinic.Lang), l.Zone())
	message := ShareMessage(theirs, httpx.From(r.Context()).Clinic.Name, link)
	out := page.ShareMade{Link: link, To: m.Recipient.Reveal()}
	switch m.Channel {
	case share.WhatsApp:
		out.Send = ui.Button{Label: l.T("share.whatsapp"), Href: "https://wa.me/" + strings.TrimPrefix(out.To, "+") + "?text=" + query(message)}
	case share.SMS:
		out.Send = ui.Button{Label: l.T("share.sms"), Href: "sms:" + out.To + "?body=" + query(message)}
	case share.Email:
		out.Mailed, out.Sent = true, true
		if m.First {
			var err error
			if out.Sent, err = s.Shares.Mail(r.Context(), m, ShareLetter(theirs, httpx.From(r.Context()).Clinic.Name, link)); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// ShareMessage is what goes to WhatsApp or as SMS: the clinic's name and the
// link, and nothing that tells what it is about, since it may be read on a locked
// screen or by who holds the phone.
func ShareMessage(l *locale.Loc, clinic, link string) string {
	return l.T("share.message", "Clinic", clinic, "Link", link)
}

// ShareLetter is the same as a mail, with what the link will ask for.
func ShareLetter(l *locale.Loc, clinic, link string) share.Letter {
	return share.Letter{Subject: l.T("share.mail_subject", "Clinic", clinic), Link: link,
		Text: ShareMessage(l, clinic, link) + "\n\n" + l.T("share.mail_text") + "\n"}
}

// query writes a text into an address for programs that don't read + as a blank.
func query(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func (s *Site) shareRevoke(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rx, err := s.Shares.Revoke(r.Context(), id)
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).At("/prescriptions/"+rx.String()+"/share")+"#links")
}
