// Package mail sends what the service writes: by SMTP, or, where none is set
// up, as files into a folder, so that a first try needs no mail server.
//
// It knows addresses and texts. What a letter says, in which language and why,
// belongs to who sends it; no patient's value goes into a subject.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
	gomail "github.com/wneessen/go-mail"
)

// Config says where letters go.
type Config struct {
	// SMTP is smtp://user:password@host:port (STARTTLS when the server has it,
	// and always when a password is sent), smtps:// for TLS from the start, or
	// empty for files.
	SMTP   string
	Folder string // for files; made when missing
	From   string // the sender's address
	// ShowLinks puts a letter's link into the log. Only for a machine whose
	// user is the developer.
	ShowLinks bool
	Log       *logrus.Logger
}

// Letter is one mail.
type Letter struct {
	To       string
	ToName   string
	FromName string // the clinic's, since it writes
	Subject  string
	Text     string
	Link     string // what the letter is about, for the log of a developer
}

// Sender sends letters.
type Sender struct {
	client *gomail.Client
	conf   Config
	from   string
}

const timeout = 20 * time.Second

// Open checks the configuration; it reaches no server.
func Open(c Config) (*Sender, error) {
	if c.Log == nil {
		c.Log = logrus.StandardLogger()
	}
	if c.From == "" {
		c.From = "cloister@localhost.localdomain"
	}
	a, err := mail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("mail: %q is no sender's address", c.From)
	}
	s := &Sender{conf: c, from: a.Address}
	if c.SMTP == "" {
		if c.Folder == "" {
			return nil, errors.New("mail: neither an SMTP server nor a folder is given")
		}
		if err := os.MkdirAll(c.Folder, 0o700); err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		return s, nil
	}
	s.client, err = dialer(c.SMTP)
	return s, err
}

// dialer reads the server's address. Errors never quote it: it may hold a password.
func dialer(addr string) (*gomail.Client, error) {
	u, err := url.Parse(addr)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return nil, errors.New("mail: the SMTP address must look like smtp://user:password@host:port or smtps://…")
	}
	opts := []gomail.Option{gomail.WithTimeout(timeout)}
	password, auth := "", u.User != nil
	if auth {
		password, _ = u.User.Password()
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	switch {
	case u.Scheme == "smtps":
		opts = append(opts, gomail.WithSSLPort(false))
	case auth:
		opts = append(opts, gomail.WithTLSPortPolicy(gomail.TLSMandatory))
	default:
		opts = append(opts, gomail.WithTLSPortPolicy(gomail.TLSOpportunistic))
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return nil, errors.New("mail: the SMTP address has no good port")
		}
		opts = append(opts, gomail.WithPort(n))
	}
	c, err := gomail.NewClient(u.Hostname(), opts...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return c, nil
}

// Send sends a letter, or writes its file.
func (s *Sender) Send(ctx context.Context, l Letter) error {
	m := gomail.NewMsg()
	if err := errors.Join(m.FromFormat(l.FromName, s.from), m.AddToFormat(l.ToName, l.To)); err != nil {
		return errors.New("mail: an address of the letter is malformed") // the cause quotes it
	}
	m.Subject(l.Subject)
	m.SetDate()
	m.SetMessageID()
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	if s.client != nil {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := s.client.DialAndSendWithContext(ctx, m); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
		s.conf.Log.Info("A letter was sent")
		return nil
	}
	return s.file(m, l)
}

func (s *Sender) file(m *gomail.Msg, l Letter) error {
	id, err := uuid.NewV7() // names sort by time
	if err != nil {
		return err
	}
	name := filepath.Join(s.conf.Folder, id.String()+".eml")
	half := name + ".part" // a letter that is there is whole
	f, err := os.OpenFile(half, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	_, err = m.WriteTo(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(half, name)
	}
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	e := s.conf.Log.WithField("file", name)
	if s.conf.ShowLinks && l.Link != "" {
		e = e.WithField("link", l.Link)
	}
	e.Info("A letter was written to a file, since no SMTP server is set up")
	return nil
}
