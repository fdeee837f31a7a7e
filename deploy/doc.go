// Package deploy has examples of how enlist runs on several machines: compose.yaml, and kubernetes/.
// Its tests check them by the schemas of Compose and Kubernetes, and by the command itself.
package deploy
