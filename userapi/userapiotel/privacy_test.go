package userapiotel_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapiotel"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// values returns the value of each attribute of all spans, events, links and metrics.
func (r *recorder) values(t *testing.T) (all []string) {
	t.Helper()
	add := func(attrs []attribute.KeyValue) {
		for _, a := range attrs {
			all = append(all, a.Value.String())
		}
	}
	for _, s := range r.spans.Ended() {
		add(s.Attributes())
		for _, e := range s.Events() {
			add(e.Attributes)
		}
		for _, l := range s.Links() {
			add(l.Attributes)
		}
	}
	var collected metricdata.ResourceMetrics
	require.NoError(t, r.reader.Collect(t.Context(), &collected))
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for _, p := range h.DataPoints {
					add(p.Attributes.ToSlice())
				}
			}
			if s, ok := m.Data.(metricdata.Sum[int64]); ok {
				for _, p := range s.DataPoints {
					add(p.Attributes.ToSlice())
				}
			}
		}
	}
	return all
}

// TestNothingOfAPersonIsExported: at each vendor, through successes and failures, and texts in which the
// vendor says again what it was sent.
func TestNothingOfAPersonIsExported(t *testing.T) {
	t.Parallel()
	for _, v := range vendors.All() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			fake, err := v.Start(userapitest.ServerOptions{})
			require.NoError(t, err)
			t.Cleanup(fake.Close)
			client, err := v.New(userapiotel.Options(v.Name, userapi.HTTPOptions{BaseURL: fake.URL(), HTTPClient: fake.Client, Retry: quick}, r.options()...))
			require.NoError(t, err)
			ledger := new(provision.Memory)
			p := provisioner(t, r, ledger, userapiotel.Wrap(client, r.options()...))
			registered, err := userapiotel.ObserveOpen(ledger, r.options()...)
			require.NoError(t, err)
			t.Cleanup(func() { _ = registered.Unregister() })

			echo := []byte(`{"errors":{"email":["` + vendors.Planted + `"]},"message":"` + vendors.Planted + `","error":{"status":202,"code":10002,"description":"` + vendors.Planted + `"}}`)
			person := func(n int) userapi.CreateUserRequest {
				req := v.Request(n)
				req.IdempotencyKey = fmt.Sprintf("%s-key-%d", vendors.Planted, n)
				return req
			}
			run := func(n int, faults ...userapitest.Fault) error {
				for _, f := range faults {
					fake.Inject(f)
				}
				_, err := p.CreateUser(t.Context(), person(n))
				return err
			}
			require.NoError(t, run(1))
			_ = run(1)
			twice := person(1)
			twice.IdempotencyKey += "-again"
			_, _ = p.CreateUser(t.Context(), twice) // a conflict, where the vendor knows one
			require.Error(t, run(2, userapitest.Fault{On: userapitest.Create, Do: userapitest.Respond, Status: 422, Body: echo}))
			_ = run(3, userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Reset})
			_ = run(4, userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Respond, Status: 500, Body: echo},
				userapitest.Fault{On: userapitest.Lookup, Do: userapitest.Respond, Status: 503, Body: echo, Times: 30})
			ids := []string{}
			for _, u := range fake.Users() {
				ids = append(ids, u.ID)
			}
			require.NotEmpty(t, ids)
			_, _ = p.Resume(t.Context(), func(_ context.Context, key string) (userapi.CreateUserRequest, error) {
				n := int(key[len(key)-1] - '0')
				return person(n), nil
			})
			_, _ = p.Undo(t.Context(), person(1).IdempotencyKey)
			rows := "key,email,full_name\n" + vendors.Planted + ",ada@planted.example," + vendors.Planted + "\n"
			_, err = bulk.Run(t.Context(), p, userapiotel.Job(bulk.Job{Name: "spring", Mapping: bulk.Mapping{
				Columns: map[string]string{"key": "key", "email": "email", "full_name": "full_name"},
			}}, r.options()...), bulk.CSV(strings.NewReader(rows), bulk.CSVOptions{}))
			require.NoError(t, err)

			exported := r.exported(t)
			for _, want := range []string{"create user", "provision Undo", "enlist.bulk.rows", "ledger store", v.Package} {
				assert.Contains(t, exported, want, "the test looks at what is exported")
			}
			for _, planted := range []string{vendors.Planted, "planted", "example.org", "+4850010", "key-1", "?"} {
				assert.False(t, strings.Contains(exported, planted), "%q is exported", planted)
			}
			values := r.values(t)
			require.Greater(t, len(values), 100)
			for _, id := range ids {
				assert.False(t, slices.Contains(values, id), "the id of a user is exported")
			}
		})
	}
}

// TestCardinality: what many people make of the metrics is as many series as one makes.
func TestCardinality(t *testing.T) {
	t.Parallel()
	count := func(people int) int {
		r := newRecorder()
		_, client := chat(t, r, nil)
		p := provisioner(t, r, new(provision.Memory), client)
		for n := range people {
			_, err := p.CreateUser(t.Context(), ada(n))
			require.NoError(t, err)
			look, _ := userapi.Ability[userapi.Resolver](client)
			_, err = look.ResolveUser(t.Context(), ada(n), time.Time{})
			require.NoError(t, err)
		}
		return len(r.metrics(t))
	}
	assert.Equal(t, count(1), count(20))
}
