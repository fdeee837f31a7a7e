package mixin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// without takes members out of what stands under "data" in a reply.
func without(resp *http.Response, members ...string) (*http.Response, error) {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	var reply struct {
		Data  map[string]json.RawMessage `json:"data,omitempty"`
		Error json.RawMessage            `json:"error,omitempty"`
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return nil, err
	}
	for _, name := range members {
		delete(reply.Data, name)
	}
	if text, err = json.Marshal(reply); err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}
