package legacy

import (
	"bytes"
	"errors"
	"image"
	_ "image/jpeg" // the two kinds that a logo may be
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	largestLogo = 102_400 // bytes, as the registry keeps at most
	widestLogo  = 4_000   // pixels a side
)

// readLogo reads the file that the older system names as its logo. It has to
// lie inside the media folder, without a symbolic link on the way, and to be a
// PNG or JPG by its content.
func readLogo(media, path string) ([]byte, error) {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return nil, errors.New("its path leads out of the media folder")
	}
	root, err := os.OpenRoot(media)
	if err != nil {
		return nil, errors.New("the media folder can't be opened")
	}
	defer root.Close()
	parts := strings.Split(filepath.ToSlash(filepath.Clean(filepath.FromSlash(path))), "/")
	for i := range parts {
		info, err := root.Lstat(filepath.Join(parts[:i+1]...))
		switch {
		case err != nil:
			return nil, errors.New("its file is missing")
		case info.Mode()&os.ModeSymlink != 0:
			return nil, errors.New("a symbolic link stands in its path")
		case i == len(parts)-1 && !info.Mode().IsRegular():
			return nil, errors.New("it is not a file")
		}
	}
	file, err := root.Open(filepath.Join(parts...))
	if err != nil {
		return nil, errors.New("its file can't be opened")
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, largestLogo+1))
	switch {
	case err != nil:
		return nil, errors.New("its file can't be read")
	case len(content) == 0:
		return nil, errors.New("its file is empty")
	case len(content) > largestLogo:
		return nil, errors.New("its file has more than 100 KB")
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(content))
	switch {
	case err != nil:
		return nil, errors.New("it is neither PNG nor JPG by its content")
	case size.Width > widestLogo || size.Height > widestLogo || size.Width < 1 || size.Height < 1:
		return nil, errors.New("it is larger than 4000 pixels a side")
	}
	return content, nil
}
