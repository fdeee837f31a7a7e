package deploy_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// enlist is the command, which is built once.
var enlist string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "enlist-deploy-")
	if err != nil {
		panic(err)
	}
	enlist = filepath.Join(dir, "enlist")
	build := exec.CommandContext(context.Background(), "go", "-C", "../cmd/enlist", "build", "-o", enlist, ".")
	build.Env = append(os.Environ(), "GOWORK=off") // as in the Dockerfile
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// takes has the command read its flags, and do no more: --help comes after them.
func takes(t *testing.T, args []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), enlist, append(args, "--help")...).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "enlist "+args[0], "%q is a command", args[0])
}

// TestCompose: the file is one of Compose, all that it names is there, and the command takes what it is given.
func TestCompose(t *testing.T) {
	t.Parallel()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithProfiles([]string{"tools"}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	var names []string
	for name, s := range project.Services {
		names = append(names, name)
		if name == "postgres" {
			continue
		}
		takes(t, s.Command)
		assert.Contains(t, s.DependsOn, map[bool]string{true: "postgres", false: "migrate"}[name == "migrate"], name)
		for variable, value := range s.Environment {
			if name, isFile := strings.CutPrefix(*value, "/run/secrets/"); isFile {
				assert.Contains(t, secretsOf(s), name, variable)
			}
		}
	}
	worker := project.Services["worker"]
	assert.Greater(t, time.Duration(*worker.StopGracePeriod), drainOf(t, worker.Command))
	assert.ElementsMatch(t, []string{"postgres", "migrate", "worker", "load", "status", "rejects"}, names)
	reads(t, "enlist.yaml")
}

// drainOf returns the flag --drain of enlist work.
func drainOf(t *testing.T, args []string) time.Duration {
	t.Helper()
	at := slices.Index(args, "--drain")
	require.Positive(t, at)
	drain, err := time.ParseDuration(args[at+1])
	require.NoError(t, err)
	return drain
}

func secretsOf(s types.ServiceConfig) (names []string) {
	for _, secret := range s.Secrets {
		names = append(names, secret.Source)
	}
	return names
}

// reads has the command read a config: what it misses then is another file.
func reads(t *testing.T, config string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), enlist, "check", filepath.Join(t.TempDir(), "people.csv"), "-c", config)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 1, cmd.ProcessState.ExitCode(), string(out))
	assert.Contains(t, string(out), "people.csv: no such file")
}

// decode decodes a file strictly: what the type does not have is an error.
func decode(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("kubernetes", name))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, to), name)
}

// TestKubernetes: each file is what it says by Kubernetes' own types, they name each other, and the command
// takes what it is given.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	var (
		secret        corev1.Secret
		config        corev1.ConfigMap
		migrate, load batchv1.Job
		worker        appsv1.Deployment
	)
	for name, to := range map[string]any{
		"secret.yaml": &secret, "config.yaml": &config, "migrate.yaml": &migrate, "load.yaml": &load, "worker.yaml": &worker,
	} {
		decode(t, name, to)
	}
	entries, err := os.ReadDir("kubernetes")
	require.NoError(t, err)
	assert.Len(t, entries, 5)
	assert.Equal(t, []string{"v1 Secret", "v1 ConfigMap", "batch/v1 Job", "batch/v1 Job", "apps/v1 Deployment"}, []string{
		secret.APIVersion + " " + secret.Kind, config.APIVersion + " " + config.Kind, migrate.APIVersion + " " + migrate.Kind,
		load.APIVersion + " " + load.Kind, worker.APIVersion + " " + worker.Kind,
	})
	assert.ElementsMatch(t, []string{"ENLIST_QUEUE_KEY", "ENLIST_REQUEST_KEY", "PGPASSWORD", "IDENTITY_API_KEY", "CRM_API_KEY"}, slices.Collect(maps.Keys(secret.StringData)))
	for _, pod := range []corev1.PodSpec{migrate.Spec.Template.Spec, load.Spec.Template.Spec, worker.Spec.Template.Spec} {
		require.Len(t, pod.Containers, 1)
		c := pod.Containers[0]
		takes(t, c.Args)
		require.Len(t, c.EnvFrom, 1)
		assert.Equal(t, secret.Name, c.EnvFrom[0].SecretRef.Name)
		for i, mount := range c.VolumeMounts {
			assert.Equal(t, pod.Volumes[i].Name, mount.Name)
			assert.True(t, slices.ContainsFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, mount.MountPath+"/") }), "%s: no argument is below %s", c.Args[0], mount.MountPath)
		}
		assert.Equal(t, config.Name, pod.Volumes[0].ConfigMap.Name)
		assert.True(t, *pod.SecurityContext.RunAsNonRoot)
		assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	}
	assert.Equal(t, worker.Spec.Selector.MatchLabels, worker.Spec.Template.Labels)
	c := worker.Spec.Template.Spec.Containers[0]
	assert.Greater(t, time.Duration(*worker.Spec.Template.Spec.TerminationGracePeriodSeconds)*time.Second, drainOf(t, c.Args))
	assert.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)
	assert.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	assert.Equal(t, c.Ports[0].Name, c.LivenessProbe.HTTPGet.Port.StrVal)
	assert.Equal(t, c.Ports[0].Name, c.ReadinessProbe.HTTPGet.Port.StrVal)
	assert.Equal(t, load.Spec.Template.Spec.Containers[0].Name, *load.Spec.PodFailurePolicy.Rules[0].OnExitCodes.ContainerName)

	path := filepath.Join(t.TempDir(), "enlist.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config.Data["enlist.yaml"]), 0o600))
	reads(t, path)
}
