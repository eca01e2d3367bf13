package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/appointment"
	"github.com/cloister-health/cloister/internal/mail"
	"github.com/cloister-health/cloister/internal/web"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/tenants"
	"github.com/cloister-health/cloister/tenants/provision"
)

const (
	// remindEvery is how often the clinics are asked whom to remind.
	remindEvery = 10 * time.Minute
	// remindWithin ends a round that a slow mail server draws out; the next one
	// begins with the clinic after the one that it came to.
	remindWithin = 5 * time.Minute
)

// reminding reminds the patients of every clinic of their appointments of the
// next day.
type reminding struct {
	appointments *appointment.Service
	post         *mail.Sender
	words        *locale.Bundle
	log          *logrus.Logger
	now          func() time.Time
	last         time.Time
	after        string // slug of the clinic that the last round ended with, before its time
}

func openReminding(c config, db *tenants.DB, log *logrus.Logger) (*reminding, error) {
	words, err := locale.Load()
	if err != nil {
		return nil, err
	}
	post, err := openMail(c, log)
	if err != nil {
		return nil, err
	}
	return &reminding{appointments: appointment.NewService(db), post: post, words: words, log: log, now: time.Now}, nil
}

// round goes through the clinics that work when ten minutes have passed. One
// that fails is told and stands in nobody's way.
func (r *reminding) round(ctx context.Context, s *roll) error {
	if r.now().Sub(r.last) < remindEvery {
		return nil
	}
	all, err := s.list(ctx)
	if err != nil {
		return err
	}
	r.last = r.now()
	ctx, cancel := context.WithTimeout(ctx, remindWithin)
	defer cancel()
	var failed error
	for _, k := range following(all, r.after) {
		if k.Erased || k.Status != string(tenants.StatusActive) && k.Status != string(tenants.StatusTrial) {
			continue
		}
		err := r.clinic(ctx, k)
		if ctx.Err() != nil {
			r.after = k.Slug
			return failed
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("remind the patients of %s: %w", k.Slug, err))
		}
	}
	r.after = ""
	return failed
}

// following gives the clinics, which are sorted by slug, beginning after one of them.
func following(all []provision.Summary, slug string) []provision.Summary {
	for i, k := range all {
		if k.Slug > slug {
			return append(all[i:len(all):len(all)], all[:i]...)
		}
	}
	return all
}

func (r *reminding) clinic(ctx context.Context, k provision.Summary) error {
	log := r.log.WithFields(logrus.Fields{"clinic": k.ID.String(), "slug": k.Slug})
	ctx = tenants.WithScope(ctx, tenants.Scope{Clinic: &tenants.Clinic{ID: k.ID, Slug: k.Slug, Name: k.Name, Schema: k.Schema, Zone: time.UTC}, RequestID: "remind",
		Actor: tenants.Actor{Kind: access.System, ID: tenants.SystemID("remind"), Role: access.Jobs}})
	sent, failed, err := r.appointments.Remind(ctx, r.now(), func(ctx context.Context, m appointment.Reminder) error {
		l := r.words.For(locale.Choose(m.Language, "", ""), m.Zone)
		err := r.post.Send(ctx, mail.Letter{To: m.Email.Reveal(), FromName: m.Clinic, Subject: web.ReminderSubject(l, m.Clinic), Text: web.ReminderMessage(l, m.Clinic, m.Doctor, m.Start) + "\n"})
		if err != nil { // the cause may quote the address
			log.Warn("a reminder could not be sent and is tried again later")
		}
		return err
	})
	if sent+failed > 0 {
		log.WithFields(logrus.Fields{"sent": sent, "failed": failed}).Info("patients were reminded of their appointments")
	}
	return err
}
