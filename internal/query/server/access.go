// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/assay-dev/assay/api/v1alpha1"
)

const (
	// remember is how long what the API server said of a token or of a right counts.
	remember = 30 * time.Second
	// maxIdentities and maxRights bound what is remembered, in a few MiB.
	maxIdentities = 1 << 8
	maxRights     = 1 << 14
	// maxReviews is how many reviews are asked of the API server at a time, for all callers together.
	maxReviews = 16
)

// errUnauthenticated says that the API server does not know the token.
var errUnauthenticated = errors.New("the API server does not accept the token; it may have expired")

// Reviews is the part of a client that the API server's reviews need. It must not be slowed down: reviews are bounded here.
type Reviews interface {
	Create(ctx context.Context, object client.Object, options ...client.CreateOption) error
}

// access asks the API server who callers are and what they may see.
type access struct {
	api        Reviews
	identities *cache.LRUExpireCache // caller by the hash of her token
	rights     *cache.LRUExpireCache // bool by right
	places     chan struct{}
}

// caller is somebody whom the API server knows.
type caller struct {
	user authenticationv1.UserInfo
	// id tells callers with different rights apart.
	id [sha256.Size]byte
}

// right is that of a caller to list TrustedImages in a namespace, in every namespace when that is empty; or to get the one of the name.
type right struct {
	caller          [sha256.Size]byte
	namespace, name string
}

func newAccess(api Reviews, clock clock.PassiveClock) *access {
	return &access{
		api:        api,
		identities: cache.NewLRUExpireCacheWithClock(maxIdentities, clock),
		rights:     cache.NewLRUExpireCacheWithClock(maxRights, clock),
		places:     make(chan struct{}, maxReviews),
	}
}

// identify asks the API server whose token it is. The error is errUnauthenticated when it is nobody's.
func (a *access) identify(ctx context.Context, token string) (caller, error) {
	key := sha256.Sum256([]byte(token))
	if known, found := a.identities.Get(key); found {
		return known.(caller), nil
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	if err := a.review(ctx, review); err != nil {
		return caller{}, err
	}
	if !review.Status.Authenticated {
		return caller{}, errUnauthenticated
	}
	user, err := json.Marshal(review.Status.User)
	if err != nil {
		return caller{}, err
	}
	identified := caller{user: review.Status.User, id: sha256.Sum256(user)}
	a.identities.Add(key, identified, remember)
	return identified, nil
}

// visible returns those of the namespaces in which the caller may list TrustedImages.
func (a *access) visible(ctx context.Context, who caller, namespaces []string) (map[string]bool, error) {
	everywhere, err := a.may(ctx, who, "", "")
	if err != nil {
		return nil, err
	}
	answers := make([]bool, len(namespaces))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReviews)
	for i, namespace := range namespaces {
		if everywhere {
			answers[i] = true
			continue
		}
		group.Go(func() (err error) {
			answers[i], err = a.may(ctx, who, namespace, "")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	visible := map[string]bool{}
	for i, namespace := range namespaces {
		visible[namespace] = answers[i]
	}
	return visible, nil
}

// may asks the API server whether the caller may list TrustedImages in the namespace, or get the one of the name.
func (a *access) may(ctx context.Context, who caller, namespace, name string) (bool, error) {
	key := right{who.id, namespace, name}
	if known, found := a.rights.Get(key); found {
		return known.(bool), nil
	}
	verb := "list"
	if name != "" {
		verb = "get"
	}
	extra := make(map[string]authorizationv1.ExtraValue, len(who.user.Extra))
	for name, values := range who.user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.user.Username, UID: who.user.UID, Groups: who.user.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "trustedimages",
			Namespace: namespace, Name: name,
		},
	}}
	if err := a.review(ctx, review); err != nil {
		return false, err
	}
	a.rights.Add(key, review.Status.Allowed, remember)
	return review.Status.Allowed, nil
}

// review has the API server fill in the status of a review.
func (a *access) review(ctx context.Context, review client.Object) error {
	select {
	case a.places <- struct{}{}:
		defer func() { <-a.places }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := a.api.Create(ctx, review); err != nil {
		return fmt.Errorf("review of the API server: %w", err)
	}
	return nil
}
