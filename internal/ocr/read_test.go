package ocr

import (
	"context"
	"errors"
	"image"
	"slices"
	"testing"
)

// scripted answers each call by what it is told and keeps what it was asked.
type scripted struct {
	answers []func(Page) (Result, error)
	asked   []Page
}

func (s *scripted) Recognise(_ context.Context, page Page) (Result, error) {
	s.asked = append(s.asked, page)
	if len(s.answers) == 0 {
		return Result{}, errors.New("asked once too often")
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return answer(page)
}

func (s *scripted) Describe(context.Context) (Description, error) { return Description{}, nil }

func failing(err error) func(Page) (Result, error) {
	return func(Page) (Result, error) { return Result{}, err }
}

func saying(confidence float64, words ...string) func(Page) (Result, error) {
	return func(Page) (Result, error) {
		line := Line{Box: image.Rect(0, 0, 100, 20), Block: 1, Paragraph: 1}
		for i, w := range words {
			line.Words = append(line.Words, Word{Text: w, Confidence: confidence, Box: image.Rect(20*i, 0, 20*i+20, 20)})
		}
		return Result{Lines: []Line{line}}, nil
	}
}

func plain(width, height int) *Prepared {
	p := &Prepared{StoredWidth: width, StoredHeight: height, ToStored: identity, DPI: 200}
	p.put(page(width, height, 12, 0, 0))
	return p
}

func TestAFailedPageIsTriedOnceMoreSmaller(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{ErrMemory, ErrCrashed, ErrTimeout} {
		engine := &scripted{answers: []func(Page) (Result, error){failing(fault), saying(90, "good", "text", "after", "all")}}
		got, err := (&Reader{Engine: engine}).Read(t.Context(), plain(1000, 800), ReadOptions{})
		if err != nil || got.Text() != "good text after all\n" || !slices.Contains(got.Steps, "retry smaller") {
			t.Fatalf("%v: %v, %+v", fault, err, got)
		}
		if second := engine.asked[1]; second.Image.Rect.Dx() != 700 || second.DPI != 140 {
			t.Errorf("tried again with %v at %d dpi", second.Image.Rect, second.DPI)
		}
		if box := got.Lines[0].Words[0].Box; box != image.Rect(0, 0, 29, 29) {
			t.Errorf("box on the stored page is %v", box)
		}
	}
	engine := &scripted{answers: []func(Page) (Result, error){failing(ErrCrashed), failing(ErrTimeout)}}
	if _, err := (&Reader{Engine: engine}).Read(t.Context(), plain(100, 80), ReadOptions{}); !errors.Is(err, ErrTimeout) {
		t.Errorf("after two failures: %v", err)
	}
	engine = &scripted{answers: []func(Page) (Result, error){failing(ErrMissingLanguage)}}
	if _, err := (&Reader{Engine: engine}).Read(t.Context(), plain(100, 80), ReadOptions{}); !errors.Is(err, ErrMissingLanguage) || len(engine.asked) != 1 {
		t.Errorf("without the language: %v after %d tries", err, len(engine.asked))
	}
}

func TestBlankPagesCostNothing(t *testing.T) {
	t.Parallel()
	engine := &scripted{}
	got, err := (&Reader{Engine: engine}).Read(t.Context(), Prepare(page(800, 900, 10, 0, 0), PrepareOptions{}), ReadOptions{})
	if err != nil || !got.Blank || got.Text() != "" || len(engine.asked) != 0 {
		t.Errorf("%v, %+v, asked %d times", err, got, len(engine.asked))
	}
}

func TestFewUnsureWordsAreGrain(t *testing.T) {
	t.Parallel()
	engine := &scripted{answers: []func(Page) (Result, error){saying(22, "i'", "~")}}
	got, err := (&Reader{Engine: engine}).Read(t.Context(), plain(300, 300), ReadOptions{})
	if err != nil || !got.Blank || len(got.Lines) != 0 {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestTableRowsAreJoined(t *testing.T) {
	t.Parallel()
	line := func(block, x, y, width int, words ...string) Line {
		l := Line{Block: block, Paragraph: 1, Box: image.Rect(x, y, x+width, y+20)}
		for i, w := range words {
			l.Words = append(l.Words, Word{Text: w, Box: image.Rect(x+i*width/len(words), y, x+(i+1)*width/len(words)-4, y+20)})
		}
		return l
	}
	table := []Line{
		line(1, 0, 0, 300, "Heading"),
		line(2, 0, 100, 200, "Ball", "valve"), line(2, 0, 140, 200, "Copper", "pipe"), line(2, 0, 180, 100, "Transport"),
		line(3, 500, 101, 40, "2"), line(3, 500, 142, 40, "11"),
		line(4, 700, 99, 80, "10.00"), line(4, 700, 141, 80, "27.50"), line(4, 700, 180, 80, "5.00"),
		line(5, 0, 300, 300, "The", "end"),
	}
	got := Result{Lines: joinRows(table)}
	if want := "Heading\n\nBall valve 2 10.00\nCopper pipe 11 27.50\nTransport 5.00\n\nThe end\n"; got.Text() != want {
		t.Errorf("table read as %q", got.Text())
	}
	prose := []string{"one", "two", "three", "four", "five", "six"}
	columns := []Line{
		line(1, 0, 0, 400, prose...), line(1, 0, 40, 400, prose...),
		line(2, 450, 0, 400, prose...), line(2, 450, 40, 400, prose...),
	}
	if got := joinRows(columns); len(got) != 4 {
		t.Errorf("columns of prose became %d lines", len(got))
	}
}

func TestTwoReadingsAreMerged(t *testing.T) {
	t.Parallel()
	word := func(x, y, width int, confidence float64, text string) Word {
		return Word{Text: text, Confidence: confidence, Box: image.Rect(x, y, x+width, y+20)}
	}
	line := func(y int, words ...Word) Line {
		l := Line{Words: words, Block: 1, Paragraph: 1}
		for _, w := range words {
			l.Box = l.Box.Union(w.Box)
		}
		return l
	}
	first := []Line{
		line(0, word(0, 0, 100, 95, "TOTAL"), word(200, 0, 60, 40, "RM"), word(270, 0, 60, 30, "8,2O")),
		line(90, word(0, 90, 100, 90, "thanks")),
	}
	second := []Line{
		line(1, word(1, 1, 99, 80, "TOTAI"), word(201, 1, 130, 88, "RM8.20")),
		line(45, word(0, 45, 90, 85, "25/12/2018"), word(100, 45, 30, 20, "~x")),
		line(91, word(0, 91, 100, 91, "thank5")),
	}
	got := Result{Lines: merged(first, second)}
	if want := "TOTAL RM8.20\n25/12/2018\nthanks\n"; got.Text() != want {
		t.Errorf("merged to %q, want %q", got.Text(), want)
	}
	if first[0].Words[2].Text != "8,2O" {
		t.Error("the first reading was changed")
	}
}

func TestAmountsAreMended(t *testing.T) {
	t.Parallel()
	words := func(texts ...string) Line {
		l := Line{Box: image.Rect(0, 0, 900, 20), Block: 1, Paragraph: 1}
		for i, text := range texts {
			l.Words = append(l.Words, Word{Text: text, Confidence: 90, Box: image.Rect(60*i, 0, 60*i+50, 20)})
		}
		return l
	}
	lines := []Line{words("TOTAL", "RM65.", "20"), words("65.20", "1,234.50", "3,000"), words("CASH", "70,00", "4.80"), words("in", "2018.", "The", "12", "men")}
	joinAmounts(lines)
	if !oneDecimalSign(lines) {
		t.Error("the decimal sign was left")
	}
	got := Result{Lines: lines}
	if want := "TOTAL RM65.20\n65.20 1,234.50 3,000\nCASH 70.00 4.80\nin 2018. The 12 men\n"; got.Text() != want {
		t.Errorf("got %q", got.Text())
	}
	doubt := []Line{words("1,20", "3.40", "5.60")}
	if oneDecimalSign(doubt) || doubt[0].Words[0].Text != "1,20" {
		t.Error("a sign was changed on too little evidence")
	}
	far := []Line{{Words: []Word{{Text: "7.", Box: image.Rect(0, 0, 20, 20)}, {Text: "20", Box: image.Rect(60, 0, 90, 20)}}}}
	if joinAmounts(far); len(far[0].Words) != 2 {
		t.Error("words far apart were joined")
	}
}
