package legacy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/legacy"
)

func TestLogo(t *testing.T) {
	t.Parallel()
	media := filepath.Join(t.TempDir(), "media")
	good, err := os.ReadFile(filepath.Join(mediaFolder, "clinic_logos", "asha-kiran.png"))
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		"logos/good.png": good, "logos/empty.png": nil, "logos/page.png": []byte("<html>"), "logos/cut.png": good[:10],
		"logos/big.png": append([]byte(nil), make([]byte, 200_000)...), "../secret.png": good,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(media, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(media, path), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"logos/link.png": "good.png", "logos/out.png": "../../secret.png", "side": "logos"} {
		if err := os.Symlink(to, filepath.Join(media, link)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := legacy.ReadLogo(media, "logos/good.png"); err != nil || len(got) != len(good) {
		t.Errorf("a good logo: %d bytes, %v", len(got), err)
	}
	for path, says := range map[string]string{
		"../secret.png": "out of the media folder", "/etc/hostname": "out of the media folder", "logos/../../secret.png": "out of the media folder",
		"logos/link.png": "symbolic link", "logos/out.png": "symbolic link", "side/good.png": "symbolic link",
		"logos/gone.png": "missing", "logos": "not a file", "logos/empty.png": "empty", "logos/page.png": "neither PNG nor JPG",
		"logos/cut.png": "neither PNG nor JPG", "logos/big.png": "more than 100 KB",
	} {
		if _, err := legacy.ReadLogo(media, path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", path, err, says)
		}
	}
	if _, err := legacy.ReadLogo(filepath.Join(media, "gone"), "a.png"); err == nil {
		t.Error("a missing media folder says nothing")
	}
}
