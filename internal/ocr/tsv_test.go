package ocr

import (
	"image"
	"testing"
)

const table = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n" +
	"1\t1\t0\t0\t0\t0\t0\t0\t600\t400\t-1\t\n" +
	"2\t1\t1\t0\t0\t0\t10\t20\t200\t60\t-1\t\n" +
	"3\t1\t1\t1\t0\t0\t10\t20\t200\t60\t-1\t\n" +
	"4\t1\t1\t1\t1\t0\t10\t20\t200\t30\t-1\t\n" +
	"5\t1\t1\t1\t1\t1\t10\t20\t80\t30\t96.5\tHello\n" +
	"5\t1\t1\t1\t1\t2\t100\t20\t110\t30\t91\tworld\n" +
	"4\t1\t1\t2\t1\t0\t10\t60\t200\t20\t-1\t\n" +
	"5\t1\t1\t2\t1\t1\t10\t60\t900\t20\t12\t\ta\n" +
	"4\t1\t2\t1\t1\t0\t10\t90\t200\t20\t-1\t\n" +
	"5\t1\t2\t1\t1\t1\t10\t90\t50\t20\t95\t \n"

func TestParseTSV(t *testing.T) {
	t.Parallel()
	lines, err := parseTSV([]byte(table), image.Rect(0, 0, 600, 400))
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || lines[0].Text() != "Hello world" || lines[1].Text() != "a" {
		t.Fatalf("lines = %+v", lines)
	}
	if w := lines[0].Words[0]; w.Box != image.Rect(10, 20, 90, 50) || w.Confidence != 96.5 {
		t.Errorf("word = %+v", w)
	}
	if w := lines[1].Words[0]; w.Box.Max.X != 600 {
		t.Errorf("a box beyond the page was not clipped: %v", w.Box)
	}
	for _, broken := range []string{"5\t1\t1", "x\n5\t1\t1\t1\t1\t1\ta\t0\t0\t0\t1\tb", "x\n5\t1\t1\t1\t1\t1\t1\t0\t0\t0\t?\tb"} {
		if _, err := parseTSV([]byte("head\n"+broken), image.Rect(0, 0, 9, 9)); err == nil {
			t.Errorf("%q was taken", broken)
		}
	}
}

func FuzzParseTSV(f *testing.F) {
	f.Add([]byte(table))
	f.Add([]byte("4\t1\t1\t1\t1\t0\t-10\t20\t2147483647\t30\t-1\t\n5\t1\t1\t1\t1\t1\t10\t20\t80\t30\tNaN\t\xff\x00x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := image.Rect(0, 0, 500, 500)
		lines, err := parseTSV(data, limits)
		if err != nil {
			return
		}
		for _, line := range lines {
			if len(line.Words) == 0 {
				t.Error("an empty line was kept")
			}
			for _, w := range line.Words {
				if w.Text == "" || !w.Box.In(limits) || w.Box.Empty() || !(w.Confidence >= 0 && w.Confidence <= 100) {
					t.Errorf("word %+v", w)
				}
			}
		}
	})
}
