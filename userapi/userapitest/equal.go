package userapitest

import (
	"fmt"
	"reflect"
	"testing"
)

// Equal fails the test if want and got are not deeply equal, and returns whether they are. It shows
// only the path of the first difference, such as ".HTTP.BaseURL", never a value. Use it for values
// with secrets or personal data, such as a client's Config: other assertions print both values.
func Equal(t testing.TB, want, got any) bool {
	t.Helper()
	if reflect.DeepEqual(want, got) {
		return true
	}
	place := difference(reflect.ValueOf(want), reflect.ValueOf(got), maxPlace)
	if place != "" {
		place = " at " + place
	}
	t.Errorf("two values are not equal, of the types %T and %T: they differ%s (values are not shown)", want, got, place)
	return false
}

// maxPlace bounds the depth of a path.
const maxPlace = 20

// difference returns the path of the first difference between two values. It follows exported
// fields and elements. It is "" for the values themselves.
func difference(want, got reflect.Value, depth int) string {
	if depth == 0 || !want.IsValid() || !got.IsValid() || want.Type() != got.Type() {
		return ""
	}
	differ := func(a, b reflect.Value) bool {
		return a.CanInterface() && !reflect.DeepEqual(a.Interface(), b.Interface())
	}
	switch want.Kind() {
	case reflect.Pointer, reflect.Interface:
		return difference(want.Elem(), got.Elem(), depth-1)
	case reflect.Struct:
		for i := range want.NumField() {
			if a, b := want.Field(i), got.Field(i); differ(a, b) {
				return "." + want.Type().Field(i).Name + difference(a, b, depth-1)
			}
		}
	case reflect.Slice, reflect.Array:
		if want.Len() != got.Len() {
			return ""
		}
		for i := range want.Len() {
			if a, b := want.Index(i), got.Index(i); differ(a, b) {
				return fmt.Sprintf("[%d]", i) + difference(a, b, depth-1)
			}
		}
	}
	return ""
}
