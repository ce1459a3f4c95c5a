// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
)

// result is one line of the table.
type result struct {
	Name string `json:"name"`
	// Ours is Assay's number, Yardstick what it is held against, both in Unit.
	Ours      float64 `json:"ours"`
	Yardstick float64 `json:"yardstick"`
	Unit      string  `json:"unit"`
	// Ratio is Ours / Yardstick. Target is what it may be at most, null when nothing is promised.
	Ratio  float64  `json:"ratio"`
	Target *float64 `json:"target"`
	OK     bool     `json:"ok"`
}

// compare makes a result. The ratio may be at most the first target; without one nothing is promised.
func compare(name, unit string, ours, yardstick float64, target ...float64) result {
	r := result{Name: name, Ours: ours, Yardstick: yardstick, Unit: unit, Ratio: ours / yardstick, OK: true}
	if len(target) > 0 {
		r.Target = &target[0]
		r.OK = r.Ratio <= target[0]
	}
	return r
}

func median[T cmp.Ordered](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func writeResults(path string, results []result) error {
	content, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

func printTable(out io.Writer, results []result) error {
	var table bytes.Buffer // writing to it never fails
	fmt.Fprintf(&table, "\n%d processors, %s/%s\n\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "BENCHMARK\tOURS\tYARDSTICK\tUNIT\tRATIO\tTARGET\tOK")
	for _, r := range results {
		target, ok := "-", "-"
		if r.Target != nil {
			target, ok = fmt.Sprintf("≤ %.4g", *r.Target), "yes"
		}
		if !r.OK {
			ok = "no"
		}
		_, _ = fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%s\t%.3g\t%s\t%s\n", r.Name, r.Ours, r.Yardstick, r.Unit, r.Ratio, target, ok)
	}
	_ = w.Flush()
	_, err := table.WriteTo(out)
	return err
}
