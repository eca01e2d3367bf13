package mail_test

import (
	"bytes"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	cmail "github.com/cloister-health/cloister/internal/mail"
)

// Names and subjects come from people; none of them can put a header into a
// letter or send it to somebody else.
func TestNoNameBecomesAHeader(t *testing.T) {
	t.Parallel()
	log := logrus.New()
	log.SetOutput(io.Discard)
	for _, evil := range []string{
		"Asha\r\nBcc: thief@evil.example", "Asha\nBcc: thief@evil.example", "\"Asha\" <thief@evil.example>, \"", "आशा\r\n\r\n<html>", "Asha\x00", "=?utf-8?q?=0d=0aBcc:_thief@evil.example?=", strings.Repeat("अ", 300) + "\r\nBcc: x@evil.example",
	} {
		folder := t.TempDir()
		s, err := cmail.Open(cmail.Config{Folder: folder, From: "door@clinics.example", Log: log})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), cmail.Letter{To: "asha@clinics.example", ToName: evil, FromName: evil, Subject: evil, Text: "text"}); err != nil {
			continue // refused as a whole
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.eml"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%q: %d letters, %v", evil, len(files), err)
		}
		raw, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%q: %v", evil, err)
			continue
		}
		to, err := m.Header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != "asha@clinics.example" {
			t.Errorf("%q: sent to %v, %v", evil, to, err)
		}
		if from, err := m.Header.AddressList("From"); err != nil || len(from) != 1 || from[0].Address != "door@clinics.example" {
			t.Errorf("%q: sent from %v, %v", evil, from, err)
		}
		for _, h := range []string{"Bcc", "Cc"} {
			if v := m.Header.Get(h); v != "" {
				t.Errorf("%q made a header %s: %s", evil, h, v)
			}
		}
		if b, err := io.ReadAll(m.Body); err != nil || strings.TrimSpace(string(b)) != "text" {
			t.Errorf("%q: the text is %q, %v", evil, b, err)
		}
	}
	s, err := cmail.Open(cmail.Config{Folder: t.TempDir(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), cmail.Letter{To: "asha@clinics.example\r\nBcc: thief@evil.example", Text: "text"}); err == nil {
		t.Error("an address of two lines was taken")
	}
}
