package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Source says where a setting's value came from.
type Source string

// The sources, in rising order.
const (
	FromDefault Source = "default"
	FromFile    Source = "file"
	FromEnv     Source = "environment"
	FromFlag    Source = "flag"
)

// Setting is one setting as it is in force.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"` // secrets redacted
	Source Source `json:"source"`
	Doc    string `json:"doc"`
	Env    string `json:"env"`
}

// Loader reads settings from all sources and remembers where each came from.
type Loader struct {
	Config  Config
	sources map[string]Source
	flags   map[string]string
	file    string
}

// NewLoader starts with the defaults.
func NewLoader() *Loader {
	return &Loader{Config: Default(), sources: map[string]Source{}, flags: map[string]string{}}
}

// Flags registers a flag per setting, and --config for the file.
func (l *Loader) Flags(fs *flag.FlagSet) {
	fs.StringVar(&l.file, "config", "", "File of settings (YAML).")
	each(&l.Config, func(name, doc string, v reflect.Value) {
		set := func(s string) error {
			l.flags[name] = s
			probe := reflect.New(v.Type()).Elem()
			return parse(probe, s)
		}
		if v.Kind() == reflect.Bool {
			fs.BoolFunc(name, doc, set)
			return
		}
		fs.Func(name, doc+" (default "+strconv.Quote(show(v))+")", set)
	})
}

// Load reads file, environment and flags, in that order, and checks the result.
// Everything wrong is told at once, as Problems.
func (l *Loader) Load(getenv func(string) string) error {
	var p Problems
	path := l.file
	if path == "" {
		path = getenv("PARAPH_CONFIG")
	}
	if path != "" {
		p = append(p, l.readFile(path)...)
	}
	each(&l.Config, func(name, _ string, v reflect.Value) {
		if s := getenv(EnvName(name)); s != "" {
			p = append(p, l.set(name, v, s, FromEnv)...)
		}
		if s, ok := l.flags[name]; ok {
			p = append(p, l.set(name, v, s, FromFlag)...)
		}
	})
	var bad Problems
	if err := l.Config.Check(); errors.As(err, &bad) {
		p = append(p, bad...)
	}
	if len(p) > 0 {
		return p
	}
	return nil
}

func (l *Loader) set(name string, v reflect.Value, s string, from Source) Problems {
	if err := parse(v, s); err != nil {
		return Problems{{name, fmt.Sprintf("%v (from the %s)", err, from)}}
	}
	l.sources[name] = from
	return nil
}

// readFile reads a flat YAML file of settings. Unknown names are problems: a
// misspelt one must not be lost in silence.
func (l *Loader) readFile(path string) Problems {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Problems{{"config", err.Error()}}
	}
	values := map[string]any{}
	if err := yaml.NewDecoder(bytes.NewReader(raw)).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return Problems{{"config", path + ": " + err.Error()}}
	}
	var p Problems
	each(&l.Config, func(name, _ string, v reflect.Value) {
		value, ok := values[name]
		if !ok {
			return
		}
		delete(values, name)
		p = append(p, l.set(name, v, text(value), FromFile)...)
	})
	for name := range values {
		p = append(p, Problem{name, "there is no such setting (in " + path + ")"})
	}
	return p
}

// text writes a YAML value as the one-line form that environment and flags use.
func text(value any) string {
	if list, ok := value.([]any); ok {
		parts := make([]string, len(list))
		for i, one := range list {
			parts[i] = fmt.Sprint(one)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}

// Settings lists every setting as it is in force, with its source.
func (l *Loader) Settings() []Setting {
	var out []Setting
	each(&l.Config, func(name, doc string, v reflect.Value) {
		from := l.sources[name]
		if from == "" {
			from = FromDefault
		}
		out = append(out, Setting{Name: name, Value: show(v), Source: from, Doc: doc, Env: EnvName(name)})
	})
	return out
}

// EnvName gives the environment variable of a setting.
func EnvName(name string) string {
	return "PARAPH_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// each calls fn for every setting in the order of the struct.
func each(c *Config, fn func(name, doc string, v reflect.Value)) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		fn(f.Tag.Get("name"), f.Tag.Get("doc"), v.Field(i))
	}
}

func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case []string:
		return strings.Join(x, ",")
	case fmt.Stringer:
		return x.String()
	default:
		return fmt.Sprint(x)
	}
}

var durationType = reflect.TypeFor[time.Duration]()

// parse sets v to what s says.
func parse(v reflect.Value, s string) error {
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 90s or 72h", s)
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Int || v.Kind() == reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", s)
		}
		v.SetInt(n)
	case v.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		v.SetFloat(f)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(b)
	case v.Kind() == reflect.Slice:
		var list []string
		for _, part := range strings.Split(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		v.Set(reflect.ValueOf(list))
	}
	return nil
}
