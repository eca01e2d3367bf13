package patient

import (
	"bytes"
	"image"
	"image/png"
	"testing"
	"time"
)

// Pictures unfold one at a time, however many are sent; one that claims more
// than may unfold at all is not decoded.
func TestPicturesUnfoldOneAtATime(t *testing.T) {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	decoding <- struct{}{} // somebody else's
	go func() {
		_, err := normalPhoto(file.Bytes())
		done <- err
	}()
	select {
	case <-done:
		t.Error("a second picture was unfolded beside the first")
	case <-time.After(50 * time.Millisecond):
	}
	<-decoding
	if err := <-done; err != nil {
		t.Error(err)
	}
	bomb := file.Bytes()
	copy(bomb[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536 by 65536, says its head
	if _, err := normalPhoto(bomb); err == nil {
		t.Error("a picture of four gigapixels was taken")
	}
	for _, lie := range []string{"", "<svg onload='alert(1)'/>", "GIF89a", "%PDF-1.7"} {
		if _, err := normalPhoto([]byte(lie)); err == nil {
			t.Errorf("%q was taken for a photo", lie)
		}
	}
}
