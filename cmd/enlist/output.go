package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

// width is the largest width of a line for people.
const width = 80

// formatFlag is -o.
type formatFlag string

func (f *formatFlag) add(fs *pflag.FlagSet) {
	*f = "table"
	fs.VarP(f, "output", "o", "`table` or json")
}

func (f *formatFlag) Set(text string) error {
	if text != "table" && text != "json" {
		return fmt.Errorf("must be table or json")
	}
	*f = formatFlag(text)
	return nil
}

func (f *formatFlag) String() string { return string(*f) }

// Type is what pflag calls the value.
func (*formatFlag) Type() string { return "format" }

// print writes a result to standard output. If that fails, it writes the result to standard error, and
// changes code 0 to 1.
func (env *environment) print(text []byte, code int) int {
	_, err := env.out.Write(text)
	if err == nil {
		return code
	}
	fmt.Fprintf(env.err, "enlist: standard output cannot be written (%v). Its text:\n%s", err, text)
	if code == exitDone {
		return exitFailed
	}
	return code
}

// say writes a message of the command itself to standard error.
func (env *environment) say(message string) { env.explain("enlist: " + message) }

// explain writes a message to standard error. Lines of the message stay apart. It ignores errors.
func (env *environment) explain(message string) {
	for line := range strings.SplitSeq(message, "\n") {
		_, _ = io.WriteString(env.err, wrapped(line, "    "))
	}
}

// An ending is the end of a result in JSON.
type ending struct {
	Next     []string `json:"next,omitempty"`
	ExitCode int      `json:"exit_code"`
}

// end writes a result as a text for people or, with -o json, as JSON, and then says what to do next. The
// value of the JSON has the same ending.
func (env *environment) end(format formatFlag, text string, value any, e ending) error {
	if format == "json" {
		text = string(jsonText(value))
	}
	code := env.print([]byte(text), e.ExitCode)
	for _, line := range e.Next {
		env.say(line)
	}
	return ended(code)
}

// ended returns the error that ends a command after all its messages were written.
func ended(code int) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code: code}
}

// jsonText returns a value in JSON, indented.
func jsonText(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte(strconv.Quote("cannot be written as JSON: "+err.Error()) + "\n")
	}
	return b.Bytes()
}

// tableText returns a table whose first row is the header. If it is too wide, each field has its own line.
func tableText(rows [][]string) []byte {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush() // into memory
	var table bytes.Buffer
	fits := true
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(line, " \n")
		fits = fits && utf8.RuneCountInString(line) <= width
		table.WriteString(line + "\n")
	}
	if fits {
		return table.Bytes()
	}
	table.Reset()
	for i, row := range rows[1:] {
		if i > 0 {
			table.WriteString("\n")
		}
		for column, value := range row {
			table.WriteString(wrapped(rows[0][column]+": "+value, "  "))
		}
	}
	return table.Bytes()
}

// wrapped breaks a text at spaces into lines that fit the width. All lines but the first begin with indent.
// Other spaces are kept: they may be part of a value.
func wrapped(text, indent string) string {
	var b strings.Builder
	line, begun := "", false
	for word := range strings.SplitSeq(strings.ReplaceAll(text, "\n", " "), " ") {
		switch {
		case !begun:
			line, begun = word, true
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			b.WriteString(line + "\n")
			line = indent + word
		}
	}
	return b.String() + line + "\n"
}

// printable quotes a text that has characters which control the terminal.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	return text
}
