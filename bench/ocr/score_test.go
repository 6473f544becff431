package main

import "testing"

func TestHasTotal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, key string
		want      bool
	}{
		{"TOTAL RM9.00", "9.00", true}, {"total: 1,234.50.", "RM 1234.50", true}, {"19.00", "9.00", false},
		{"9.001", "9.00", false}, {"9,00", "9.00", false}, {"$8.20\nx", "$8.20", true}, {"", "9.00", false}, {"x", "", false},
	} {
		if got := hasTotal(c.text, c.key); got != c.want {
			t.Errorf("hasTotal(%q, %q) = %v", c.text, c.key, got)
		}
	}
}

func TestHasDate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, key string
		want      bool
	}{
		{"09:04PM 549319 17-02-18\n483", "17-02-18", true}, {"05-Jan-2017 03:17", "05-JAN-2017", true},
		{"03MAR 2018", "03 MAR 2018", true}, {"25/12/201820:27", "25/12/2018", true}, {"125/12/2018", "25/12/2018", false},
		{"25/12/20181", "25/12/2018", false}, {"25/12/18", "25/12/2018", false}, {"25 / 12 / 2018", "25/12/2018", true}, {"x", "", false},
	} {
		if got := hasDate(c.text, c.key); got != c.want {
			t.Errorf("hasDate(%q, %q) = %v", c.text, c.key, got)
		}
	}
}

func TestScoreCountsEditsAndLostWords(t *testing.T) {
	t.Parallel()
	var s score
	s.add("the old  house\nstands", "the odd “house” stands", false)
	if s.letters != 20 || s.edits != 3 || s.words != 4 || s.missed != 2 {
		t.Errorf("%+v", s)
	}
}
