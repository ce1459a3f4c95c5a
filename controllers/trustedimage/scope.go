// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package trustedimage

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
	"github.com/assay-dev/assay/internal/image"
	"github.com/assay-dev/assay/internal/policy"
	"github.com/assay-dev/assay/internal/policy/keys"
	"github.com/assay-dev/assay/internal/registry"
)

// defaultInterval is the time between two looks when the spec does not say.
const defaultInterval = 10 * time.Minute

// minInterval keeps a tenant from having its registry asked all the time.
const minInterval = 10 * time.Second

// scope is what the phases of one reconcile pass on. Every field says which phase sets it.
type scope struct {
	object *v1alpha1.TrustedImage
	name   types.NamespacedName
	now    time.Time

	// trusted are the entries of the status that bear a valid signature, the current digest first. Set by recall and
	// restore; judge marks what stopped passing, promote puts a new one in front.
	trusted []entry
	// forged is the number of entries that bear none. Set by recall.
	forged int
	// recalled says that the trusted entries could be looked at. Set by recall.
	recalled bool
	// remembered says that the environment has trusted something before, whether or not it still does. Set by recall.
	remembered bool
	// recallErr is why the trusted entries could not be looked at.
	recallErr error

	// reader reads the registry with the object's credentials. Set by authenticate.
	reader registry.Reader
	// credentials identifies those credentials without giving them away. Set by authenticate.
	credentials string
	// candidate is what the source names. Set by resolve; nil while it names nothing.
	candidate *image.Reference
	// resolveErr is why there is no candidate. Set by authenticate and resolve.
	resolveErr error
	// pending says that work is under way whose result will come as an event. Set by resolve, restore and gather.
	pending bool

	// evidence on the candidate, on every trusted entry and on what they replaced, by reference: other policies may speak of the
	// same digest in another repository. It has no findings. Set by gather.
	evidence map[image.Reference]evidence.Evidence
	// unknown are the references of which nothing could be gathered for now. Set by gather.
	unknown map[image.Reference]bool
	// examined is the evidence with what is known of vulnerabilities now. Set by judge as it is needed.
	examined map[image.Reference]evidence.Evidence
	// gatherErr is why there is none on the candidate.
	gatherErr error
	// retryIn is how soon an image is indexed again of which a platform could not be, zero when there is none. Set by gather.
	retryIn time.Duration
	// policies that match, by repository. Set by resolve and gather as they are needed.
	policies map[image.Repository]matched
	// verdict on the candidate. Set by judge; the zero value when it was not judged. The verdicts on what is trusted stand with it.
	verdict policy.Verdict

	// until is the next moment at which time alone may change how a digest is judged, the zero time when there is none. Set by judge.
	until time.Time
	// descriptions of the digests that the status speaks of. Set by report.
	descriptions map[image.Reference]description
	// reportErr is why the reports of the findings could not be kept. Set by report.
	reportErr error

	// promoted says that the candidate became the trusted digest in this reconcile. Set by promote.
	promoted bool
	// ended are those whose grace is over. Set by judge.
	ended []image.Reference
	// publishing says that first-seen times are on their way. Set by publish.
	publishing bool
	// sealed says how far the seal of the trusted digest is. Set by seal.
	sealed sealState
	// sealErr is why it is no further.
	sealErr error
}

// matched are the policies that speak of a repository in this namespace, or why that is not known.
type matched struct {
	keys.Set
	err error
}

func newScope(object *v1alpha1.TrustedImage, now time.Time) *scope {
	return &scope{
		object:   object,
		name:     types.NamespacedName{Namespace: object.Namespace, Name: object.Name},
		now:      now,
		evidence: map[image.Reference]evidence.Evidence{},
		unknown:  map[image.Reference]bool{},
		examined: map[image.Reference]evidence.Evidence{},
		policies: map[image.Repository]matched{},

		descriptions: map[image.Reference]description{},
	}
}

// isNew says that nothing was ever found out about the object.
func (s *scope) isNew() bool {
	return s.object.Status.Trusted == nil && s.object.Status.Candidate == nil
}

// recorded says that the status speaks of the digest, so that it was looked at before.
func (s *scope) recorded(reference image.Reference) bool {
	digest := v1alpha1.DigestString(reference.Digest.String())
	if candidate := s.object.Status.Candidate; candidate != nil && candidate.Digest == digest {
		return true
	}
	for _, e := range s.trusted {
		if e.reference == reference {
			return true
		}
	}
	return false
}

func (s *scope) interval() time.Duration {
	return max(s.object.Spec.Interval.Duration(defaultInterval), minInterval)
}

// current is the digest trusted now, nil when there is none.
func (s *scope) current() *entry {
	if len(s.trusted) == 0 {
		return nil
	}
	return &s.trusted[0]
}

// manifests are those that what is judged consists of, as far as that is known.
func (s *scope) manifests() []image.Digest {
	var manifests []image.Digest
	for _, collected := range s.evidence {
		for _, platform := range collected.Platforms {
			manifests = append(manifests, platform.Manifest)
		}
	}
	for _, e := range s.trusted {
		if _, gathered := s.evidence[e.reference]; !gathered {
			manifests = append(manifests, e.manifests()...)
		}
	}
	return manifests
}

// hasJars says that a Java database names something in what is judged, as far as that was gathered. What is gathered later is named by
// the database of then.
func (s *scope) hasJars() bool {
	for _, collected := range s.evidence {
		if slices.ContainsFunc(collected.Platforms, func(p evidence.Platform) bool { return p.Naming.HasJars }) {
			return true
		}
	}
	return false
}

// earlier is the shorter of two spans of time of which zero means none.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// failures are the errors of all phases, in their order.
func (s *scope) failures() []error {
	var errs []error
	for _, err := range []error{s.recallErr, s.resolveErr, s.gatherErr, s.reportErr, s.sealErr} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
