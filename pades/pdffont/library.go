package pdffont

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/go-text/typesetting/language"
)

// Library finds fonts of the system for what the built-in faces lack. It reads
// a font when a letter first needs it, and keeps it. It is safe for concurrent use.
type Library struct {
	dir string

	mu    sync.Mutex
	files map[string]string // base name to path; nil until first needed
	names []string          // base names in order
	faces map[string]*Face  // by path and index; nil where the file is no usable font
	order []*Face           // usable ones, as they were read
	tried map[string]*Face  // what the search for a script came to
	lost  map[rune]bool     // letters that no font has
}

// NewLibrary makes a library of the fonts below a folder, such as
// /usr/share/fonts. A folder that cannot be read only means fewer letters.
func NewLibrary(dir string) *Library {
	return &Library{dir: dir, faces: map[string]*Face{}, tried: map[string]*Face{}, lost: map[rune]bool{}}
}

// Missing is a script for which no font is there.
type Missing struct {
	Script  string // for people: "Devanagari"
	Package string // the Debian package that brings a font; empty where none is known
	Letter  rune   // the first letter that was missed
}

// Faces gives the fonts that the texts need beside the built-in faces, and the
// scripts for which none was found. language (BCP 47, may be empty) decides
// between the Chinese, Japanese and Korean forms of a character.
func (l *Library) Faces(lang string, texts ...string) (faces []*Face, missing []Missing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	east := eastern(lang, texts)
	for _, text := range texts {
		for _, r := range text {
			if r < 0x250 || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
				continue
			}
			if has(Regular(), r) || slices.ContainsFunc(faces, func(f *Face) bool { return has(f, r) }) {
				continue
			}
			f, tag := l.find(r, east)
			if f != nil {
				faces = append(faces, f)
				continue
			}
			m := Missing{Script: tag, Letter: r}
			if s, ok := scriptOf(tag); ok {
				m.Script, m.Package = s.name, s.debian
			}
			if !slices.ContainsFunc(missing, func(o Missing) bool { return o.Script == m.Script }) {
				missing = append(missing, m)
			}
		}
	}
	return faces, missing
}

func has(f *Face, r rune) bool { _, ok := f.Glyph(r); return ok }

// eastern decides whose forms Han characters take: those of the language, or of
// the kana, hangul or bopomofo that stand among the texts; else the simplified Chinese ones.
func eastern(lang string, texts []string) string {
	switch lower := strings.ToLower(lang); {
	case strings.HasPrefix(lower, "ja"):
		return "Jpan"
	case strings.HasPrefix(lower, "ko"):
		return "Hang"
	case strings.HasPrefix(lower, "zh-hant"), strings.HasPrefix(lower, "zh-tw"), strings.HasPrefix(lower, "zh-hk"):
		return "Hant"
	case strings.HasPrefix(lower, "zh"):
		return "Hani"
	}
	for _, text := range texts {
		for _, r := range text {
			switch {
			case unicode.In(r, unicode.Hiragana, unicode.Katakana):
				return "Jpan"
			case unicode.Is(unicode.Hangul, r):
				return "Hang"
			case unicode.Is(unicode.Bopomofo, r):
				return "Hant"
			}
		}
	}
	return "Hani"
}

// find looks for a font that has a letter: those for its script, then those
// already in use, then all there are. It names the script.
func (l *Library) find(r rune, east string) (*Face, string) {
	tag := language.LookupScript(r).String()
	switch tag {
	case "Hani", "Bopo":
		tag = east
	case "Hira", "Kana":
		tag = "Jpan"
	}
	if l.lost[r] {
		return nil, tag
	}
	if s, ok := scriptOf(tag); ok {
		f, searched := l.tried[tag]
		if !searched {
			f = l.first(s.files, s.preview)
			l.tried[tag] = f
		}
		if f != nil && has(f, r) {
			return f, tag
		}
	}
	for _, f := range l.order {
		if has(f, r) {
			return f, tag
		}
	}
	if f := l.anywhere(r); f != nil {
		return f, tag
	}
	l.lost[r] = true
	return nil, tag
}

// first gives the first of the named fonts that is there and has the letter.
func (l *Library) first(names []string, letter rune) *Face {
	l.list()
	for _, name := range names {
		name, index, _ := strings.Cut(name, "#")
		number, _ := strconv.Atoi(index)
		at, _ := slices.BinarySearch(l.names, name)
		for ; at < len(l.names) && strings.HasPrefix(l.names[at], name); at++ {
			if f := l.open(l.files[l.names[at]], number); f != nil && has(f, letter) {
				return f
			}
		}
	}
	return nil
}

// maxSearched bounds the fonts that are opened for one rare letter.
const maxSearched = 400

// anywhere searches the upright regular fonts, the broadest first.
func (l *Library) anywhere(r rune) *Face {
	l.list()
	candidates := slices.Clone(l.names)
	slices.SortStableFunc(candidates, func(a, b string) int { return breadth(a) - breadth(b) })
	for i, name := range candidates {
		if i == maxSearched || breadth(name) == unsuited {
			return nil
		}
		if f := l.open(l.files[name], 0); f != nil && has(f, r) {
			return f
		}
	}
	return nil
}

const unsuited = 9

func breadth(name string) int {
	switch {
	case strings.HasPrefix(name, "DejaVuSans."):
		return 0
	case strings.HasPrefix(name, "NotoSansSymbols"):
		return 1
	case strings.HasPrefix(name, "NotoSans") && strings.Contains(name, "-Regular"):
		return 2
	case strings.Contains(name, "-Regular"):
		return 3
	case strings.ContainsAny(name, "-[") || strings.Contains(name, "Bold") || strings.Contains(name, "Italic"):
		return unsuited
	}
	return 4
}

func (l *Library) list() {
	if l.files != nil {
		return
	}
	l.files = map[string]string{}
	if l.dir == "" {
		return
	}
	_ = filepath.WalkDir(l.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || len(l.files) >= 20_000 {
			return nil
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".ttf", ".otf", ".ttc", ".otc":
			if name := filepath.Base(path); l.files[name] == "" {
				l.files[name] = path
				l.names = append(l.names, name)
			}
		}
		return nil
	})
	slices.Sort(l.names)
}

func (l *Library) open(path string, index int) *Face {
	key := path + "#" + strconv.Itoa(index)
	if f, known := l.faces[key]; known {
		return f
	}
	l.faces[key] = nil
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close() // all tables that are used are read at once
	f, err := read(file, index)
	if err != nil {
		return nil
	}
	l.faces[key] = f
	l.order = append(l.order, f)
	return f
}

// Scripts tells for every script that is known by name whether a font for it is
// there; it opens them, so it is for a check by hand.
func (l *Library) Scripts() (have []string, missing []Missing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range scripts {
		if has(Regular(), s.preview) || l.first(s.files, s.preview) != nil {
			have = append(have, s.name)
		} else {
			missing = append(missing, Missing{s.name, s.debian, s.preview})
		}
	}
	return have, missing
}
