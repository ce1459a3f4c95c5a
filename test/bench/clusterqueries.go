// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/assay-dev/assay/internal/query"
	"github.com/assay-dev/assay/test/controlplane"
)

const (
	// queryRuns is how often each question is asked.
	queryRuns = 7
	// queryLimit is how many seconds an answer may take.
	queryLimit = 1.0
	// tenantTeams are the teams whose images the tenant may see.
	tenantTeams = 2
)

// tenants are somebody who may list TrustedImages in two namespaces, and somebody who may in all.
const tenants = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: tenant, namespace: team-00}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: team-00}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: assay-viewer}
subjects: [{kind: ServiceAccount, name: tenant, namespace: team-00}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: team-01}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: assay-viewer}
subjects: [{kind: ServiceAccount, name: tenant, namespace: team-00}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: auditor, namespace: team-00}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: auditor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: assay-viewer}
subjects: [{kind: ServiceAccount, name: auditor, namespace: team-00}]
`

// queries measures how long the command takes, with everything that it does.
func (c *cluster) queries(ctx context.Context) (results []result, err error) {
	content, err := c.world.Expand(tenants)
	if err != nil {
		return nil, err
	}
	if err := c.world.Apply(ctx, content); err != nil {
		return nil, err
	}
	if err := c.world.PublishQueries(ctx); err != nil {
		return nil, err
	}
	for _, q := range []struct {
		account, question, subject, what string
	}{
		{"tenant", "affected", exploitedID, "affected, asked by who sees 2 of 100 namespaces"},
		{"tenant", "find", "pkg:npm/*@<1", "find with a range, asked by who sees 2 of 100 namespaces"},
		{"auditor", "affected", exploitedID, "affected, asked by who sees all"},
		{"auditor", "find", "pkg:npm/*@<1", "find with a range, asked by who sees all"},
	} {
		took, first, err := c.ask(ctx, q.account, q.question, q.subject)
		if err != nil {
			return nil, fmt.Errorf("kubectl assay %s %s: %w", q.question, q.subject, err)
		}
		fmt.Printf("    kubectl assay %s %s as %s: %.2f s, at first %.2f s\n", q.question, q.subject, q.account, took, first)
		results = append(results,
			compare("kubectl assay "+q.what+", of the limit", "s", took, queryLimit, 1),
			compare("the same, asked for the first time, of the limit", "s", first, queryLimit, 1))
	}
	return results, nil
}

// ask runs the command some times and returns the median of the seconds that it took, and those of the first run, when nothing
// was known of the asker.
func (c *cluster) ask(ctx context.Context, account, question, subject string) (took, first float64, err error) {
	kubeconfig, err := c.kubeconfig(ctx, account)
	if err != nil {
		return 0, 0, err
	}
	program, err := filepath.Abs("bin/kubectl-assay")
	if err != nil {
		return 0, 0, err
	}
	var all []float64
	for range queryRuns {
		command := exec.CommandContext(ctx, program, question, subject, "--output=json", "--kubeconfig="+kubeconfig)
		command.Env = []string{"HOME=" + c.dir}
		began := time.Now()
		output, err := command.Output()
		all = append(all, time.Since(began).Seconds())
		if err := c.verify(output, err, account, question); err != nil {
			return 0, 0, err
		}
	}
	return median(all), all[0], nil
}

// verify fails unless the answer is one that the account must get.
func (c *cluster) verify(output []byte, err error, account, question string) error {
	var answer query.Answer
	if unreadable := json.Unmarshal(output, &answer); unreadable != nil {
		return errors.Join(err, unreadable)
	}
	if len(answer.Matches) == 0 && question == "find" || answer.Unknown != nil {
		return fmt.Errorf("%d matches, and nothing is known of %d images", len(answer.Matches), len(answer.Unknown))
	}
	expected := 0
	for _, number := range c.plan.Exploited.Images {
		if account == "auditor" || number%teams < tenantTeams {
			expected++
		}
	}
	affected := 0
	for _, m := range answer.Matches {
		if strings.HasPrefix(m.Namespace, "team-") { // Histories are of the fleet's images, too.
			affected++
		}
		if account == "tenant" && !strings.HasPrefix(m.Namespace, "team-0") {
			return fmt.Errorf("the tenant is told of namespace %s", m.Namespace)
		}
	}
	if question == "affected" && affected != expected {
		return fmt.Errorf("%d images are affected, want %d", affected, expected)
	}
	return nil
}

// kubeconfig writes one with a new token of the account.
func (c *cluster) kubeconfig(ctx context.Context, account string) (string, error) {
	token, err := c.world.Kubectl(ctx, "create", "token", account, "--namespace=team-00")
	if err != nil {
		return "", err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.world.Kubeconfig)
	if err != nil {
		return "", err
	}
	config.BearerToken, config.CertData, config.KeyData = strings.TrimSpace(token), nil, nil
	path := filepath.Join(c.dir, account+".kubeconfig")
	return path, controlplane.WriteKubeconfig(path, config)
}
