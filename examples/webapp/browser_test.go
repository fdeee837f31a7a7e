//go:build browser

package main

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type css = chromedp.CSS

// browse starts a headless Chromium with a profile of its own, which must be installed: apt-get install chromium.
func browse(t *testing.T) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	require.NotEmpty(t, program, "the tag browser needs Chromium, and none was found")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, closeBrowser := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	t.Cleanup(closeBrowser)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // it waits for the browser to end, whose profile is deleted next
		closeTab()
	})
	return ctx
}

// fill fills the form in and sends it.
func fill(name, email, password string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(
		chromedp.SetValue(css("#name"), name), chromedp.SetValue(css("#email"), email), chromedp.SetValue(css("#password"), password),
		chromedp.Click(css("button")))
}

// TestBrowser: one person after the other, as each sees it: welcome; a taken address, which is mended; an outage.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t), browse(t)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		require.NoError(t, chromedp.Do(ctx, steps...))
	}
	read := func(a chromedp.Action[string]) string {
		t.Helper()
		text, err := chromedp.Run(ctx, a)
		require.NoError(t, err)
		return text
	}
	form, welcome := chromedp.WaitVisible(css("form")), chromedp.WaitVisible(css("#welcome"))
	do(chromedp.Navigate(s.url), form, fill("Ada", "ada@example.com", "a-Password-1"), welcome)

	do(chromedp.Navigate(s.url), form)
	key := read(chromedp.Value(css("[name=key]")))
	do(chromedp.Reload(), form)
	assert.Equal(t, key, read(chromedp.Value(css("[name=key]"))), "a reload of the form is the same sign-up")
	do(fill("Grace", "ada@example.com", "a-Password-2"))
	assert.Contains(t, read(chromedp.Text(css("#email-error"))), "Somebody has an account with this already.")
	assert.Equal(t, key, read(chromedp.Value(css("[name=key]"))))
	assert.Equal(t, "Grace", read(chromedp.Value(css("#name"))), "what was right need not be typed again")
	assert.Empty(t, read(chromedp.Value(css("#password"))))
	do(fill("Grace", "grace@example.com", "a-Password-2"), welcome)

	s.line.cut.Store(true)
	do(chromedp.Navigate(s.url), form, fill("Joan", "joan@example.com", "a-Password-3"))
	assert.Contains(t, read(chromedp.Text(css("[role=status]"))), "We do not know yet whether your account was created.")
	s.line.down.Store(false)
	do(welcome) // the page says so by itself
	assert.Equal(t, []int{3, 3}, []int{s.identity.UserCount(), s.chat.UserCount()})
}
