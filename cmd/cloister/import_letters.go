package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/identity"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/legacy"
	"github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/tenants"
)

// checkSend names what stands against sending letters, before anything is done.
// Errors: Invalid, which names --send; *configError.
func (f importFlags) checkSend(c config) error {
	if !f.send {
		return nil
	}
	if f.dryRun {
		var p apperr.Problems
		p.Add("--send", "error.import.send", "a dry run sends nothing")
		return p.Err()
	}
	if c.BaseURL == "" {
		return &configError{[]string{"CLOISTER_BASE_URL: is missing; the links in the letters begin with it"}}
	}
	return nil
}

// openPost makes what writes to people. Errors: *configError.
func openPost(c config, m *keys.Master, db *tenants.DB, log *logrus.Logger) (*identity.Service, error) {
	words, err := locale.Load()
	if err != nil {
		return nil, err
	}
	post, err := openMail(c, log)
	if err != nil {
		return nil, err
	}
	return newPeople(c, m, db, post, words, log)
}

// openMail is where letters go. Errors: *configError.
func openMail(c config, log *logrus.Logger) (*mail.Sender, error) {
	post, err := mail.Open(mail.Config{SMTP: string(c.SMTP), From: c.MailFrom, Folder: filepath.Join(c.State, "mail"), ShowLinks: c.Development, Log: log})
	if err != nil {
		return nil, &configError{[]string{"CLOISTER_SMTP_URL or CLOISTER_MAIL_FROM: " + err.Error()}}
	}
	return post, nil
}

// newPeople is sign-in and its letters.
func newPeople(c config, m *keys.Master, db *tenants.DB, post *mail.Sender, words *locale.Bundle, log *logrus.Logger) (*identity.Service, error) {
	return identity.New(identity.Config{DB: db, LinkKey: m.LinkKey(), BaseURL: c.baseURL(), Mail: post, Log: log,
		Words: func(lang, key string, pairs ...any) string { return words.For(lang, nil).T(key, pairs...) }})
}

// sendLetters mails the imported staff their invitations. The import is done by
// then, which an error has to say.
func sendLetters(ctx context.Context, people *identity.Service, clinic *tenants.Clinic, l *legacy.Letters, told func(what string, n, of int)) error {
	ctx = tenants.WithScope(ctx, tenants.Scope{Clinic: clinic, RequestID: "import-letters", Reason: "invitations of imported staff"})
	sent, err := people.SendWaiting(ctx, legacy.CreatedBy(), func(n, of int) {
		if told != nil {
			told("letters", n, of)
		}
	})
	l.Sent, l.Waiting = sent, l.Waiting-sent
	if err != nil {
		return fmt.Errorf("the import is done, and %d of %d invitations were sent; run the same command again to send the rest: %w", sent, sent+l.Waiting, err)
	}
	return nil
}
