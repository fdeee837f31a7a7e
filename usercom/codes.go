package usercom

import (
	"cmp"
	"encoding/json"

	"github.com/enlist-go/enlist/internal/provider"
)

// maxDepth is how deep codes are looked up in an error's body.
const maxDepth = 8

// decodeCodes finds the codes of an error that are known, by field. The framework has them in the
// place of its texts, or beside them: {"user_id": ["unique"]}, {"user_id": [{"code": "unique",
// "message": …}]}, [{"attr": "user_id", "code": "unique", …}], each also below "errors". It returns
// nil where there are none. Source: Django REST framework, ValidationError.get_codes and
// get_full_details.
func decodeCodes(body []byte) map[string][]string {
	if !json.Valid(body) {
		return nil
	}
	var in struct {
		Errors json.RawMessage `json:"errors"`
	}
	var found codesByField
	if json.Unmarshal(body, &in) == nil && provider.HasContent(in.Errors) {
		found.add("", in.Errors, maxDepth)
	} else {
		found.budget.Each(body, func(name string, raw json.RawMessage) { found.add(name, raw, maxDepth) })
	}
	if len(found.byField) == 0 {
		return nil
	}
	return found.byField
}

type codesByField struct {
	byField map[string][]string
	budget  provider.Budget
}

func (c *codesByField) add(field string, raw json.RawMessage, depth int) {
	var word string
	if depth == 0 || json.Unmarshal(raw, &word) == nil {
		c.note(field, word)
		return
	}
	var one struct{ Code, Attr, Field any }
	_ = json.Unmarshal(raw, &one) // leaves it empty where this is a list
	if code, ok := one.Code.(string); ok {
		attr, _ := one.Attr.(string)
		named, _ := one.Field.(string)
		c.note(cmp.Or(attr, named, field), code)
		return
	}
	c.budget.Each(raw, func(name string, inner json.RawMessage) {
		c.add(cmp.Or(field, name), inner, depth-1)
	})
}

func (c *codesByField) note(field, word string) {
	if _, known := codes.Words[word]; !known {
		return
	}
	if field == "non_field_errors" {
		field = ""
	}
	if c.byField == nil {
		c.byField = map[string][]string{}
	}
	c.byField[field] = append(c.byField[field], word)
}
