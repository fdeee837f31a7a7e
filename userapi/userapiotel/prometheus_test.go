package userapiotel_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// TestTableOfMetrics: the package's documentation has each instrument, with its type, unit and attributes.
func TestTableOfMetrics(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	require.NoError(t, userapiotel.UseAll(r.options()...))
	var all metricdata.ResourceMetrics
	require.NoError(t, r.reader.Collect(t.Context(), &all))
	used := map[string]string{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		var attrs []string
		add := func(kvs string) {
			for pair := range strings.SplitSeq(kvs, ",") {
				name, _, _ := strings.Cut(pair, "=")
				if name, own := strings.CutPrefix(name, "enlist."); own && !slices.Contains(attrs, name) {
					attrs = append(attrs, name)
				}
			}
		}
		for attrs := range of(r.metrics(t), m.Name) {
			add(attrs)
		}
		kind := "gauge"
		switch m.Data.(type) {
		case metricdata.Histogram[float64]:
			kind = "histogram"
		case metricdata.Sum[int64]:
			kind = "counter"
		}
		slices.Sort(attrs)
		used[m.Name] = kind + " " + m.Unit + " " + strings.Join(attrs, " ")
		assert.NotEmpty(t, m.Description, m.Name)
	}
	require.Len(t, used, userapiotel.Instruments+2)

	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	table := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^//\t((?:enlist|http)\.\S+) +(counter|histogram|gauge) +(\S+) *(.*)$`).FindAllStringSubmatch(string(doc), -1) {
		attrs := strings.Split(strings.TrimSuffix(m[4], ", and those of HTTP"), ", ")
		slices.Sort(attrs)
		table[m[1]] = m[2] + " " + m[3] + " " + strings.Join(attrs, " ")
	}
	assert.Equal(t, used, table)
}

// families returns what Prometheus gets, by the names that its queries use.
func families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewRegistry()
	e, err := exporter.New(exporter.WithRegisterer(registry))
	require.NoError(t, err)
	require.NoError(t, userapiotel.UseAll(userapiotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(e)))))
	gathered, err := registry.Gather()
	require.NoError(t, err)
	all := map[string]*dto.MetricFamily{}
	for _, f := range gathered {
		all[f.GetName()] = f
		if f.GetType() == dto.MetricType_HISTOGRAM {
			delete(all, f.GetName())
			for _, series := range []string{"_bucket", "_sum", "_count"} {
				all[f.GetName()+series] = f
			}
		}
	}
	return all
}

// A query is an expression in a file, with where it stands.
type query struct{ at, expr string }

// dashboard returns the queries of the dashboard.
func dashboard(t *testing.T) (all []query) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana-dashboard.json")
	require.NoError(t, err)
	var board struct {
		Title, UID string
		Panels     []struct {
			Title, Description, Type string
			Targets                  []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Type string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	require.NotEmpty(t, board.Title)
	require.NotEmpty(t, board.UID)
	for _, p := range board.Panels {
		if p.Type == "row" {
			continue
		}
		assert.NotEmpty(t, p.Description, p.Title)
		assert.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			all = append(all, query{p.Title, target.Expr})
		}
	}
	return all
}

// alerts returns the queries of the alert rules.
func alerts(t *testing.T) (all []query) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/alerts.yaml")
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&rules))
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
			assert.NotEmpty(t, r.Annotations["description"], r.Alert)
			assert.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
			all = append(all, query{r.Alert, r.Expr})
		}
	}
	return all
}

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	metricName = regexp.MustCompile(`\b(?:enlist|http)_\w+`)
	labelled   = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*""`)
	grouped    = regexp.MustCompile(`\b(?:by|on|without)\s*\(([^)]*)\)`)
)

// TestDeployedQueries: the dashboard and the alerts name metrics, and labels, that are exported.
func TestDeployedQueries(t *testing.T) {
	t.Parallel()
	exported := families(t)
	labels := map[string]bool{"le": true, "job": true, "instance": true}
	for _, f := range exported {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
	}
	board, rules := dashboard(t), alerts(t)
	require.Greater(t, len(board), 10)
	require.Greater(t, len(rules), 4)
	shown := map[string]bool{}
	for _, q := range append(board, rules...) {
		expr := quoted.ReplaceAllString(q.expr, `""`)
		groups := grouped.FindAllStringSubmatch(expr, -1)
		names := metricName.FindAllString(labelled.ReplaceAllString(grouped.ReplaceAllString(expr, ""), ""), -1)
		assert.NotEmpty(t, names, "%s: %s", q.at, q.expr)
		for _, name := range names {
			assert.NotNil(t, exported[name], "%s: %s is not exported: %v", q.at, name, slices.Sorted(maps.Keys(exported)))
			shown[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")] = true
		}
		for _, m := range labelled.FindAllStringSubmatch(expr, -1) {
			assert.True(t, labels[m[1]], "%s: no metric has the label %s", q.at, m[1])
		}
		for _, m := range groups {
			for name := range strings.SplitSeq(m[1], ",") {
				assert.True(t, labels[strings.TrimSpace(name)], "%s: no metric has the label %s", q.at, name)
			}
		}
	}
	for _, f := range exported {
		assert.True(t, shown[f.GetName()] || f.GetName() == "target_info", "no panel shows %s", f.GetName())
	}
}
