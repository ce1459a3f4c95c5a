// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"

	"github.com/assay-dev/assay/api/v1alpha1"
)

const resource = "trustedimages"

// maxNamed is how many objects an error names.
const maxNamed = 10

// read reads the TrustedImage of the name in the namespace that the flags and the kubeconfig say.
func read(ctx context.Context, flags *genericclioptions.ConfigFlags, name string) (*v1alpha1.TrustedImage, error) {
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := newClient(config)
	if err != nil {
		return nil, err
	}
	object := &v1alpha1.TrustedImage{}
	err = client.Get().Namespace(namespace).Resource(resource).Name(name).Do(ctx).Into(object)
	if apierrors.IsNotFound(err) {
		return nil, notFound(ctx, client, namespace, name)
	}
	return object, err
}

func newClient(config *rest.Config) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.GroupVersion = &v1alpha1.GroupVersion
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(config)
}

// notFound says which objects there are instead.
func notFound(ctx context.Context, client rest.Interface, namespace, name string) error {
	var list v1alpha1.TrustedImageList
	err := client.Get().Namespace(namespace).Resource(resource).
		Param("limit", fmt.Sprint(maxNamed+1)).Do(ctx).Into(&list)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("this cluster knows no TrustedImages; is Assay installed?")
	}
	if err != nil || len(list.Items) == 0 {
		return fmt.Errorf("there is no TrustedImage %q in namespace %s; kubectl get trustedimages --all-namespaces lists all, and --namespace chooses another namespace", name, namespace)
	}
	return fmt.Errorf("there is no TrustedImage %q in namespace %s; there is %s", name, namespace, names(list.Items))
}

func names(images []v1alpha1.TrustedImage) string {
	var found []string
	for i, image := range images {
		if i == maxNamed {
			found = append(found, "...")
			break
		}
		found = append(found, image.Name)
	}
	return strings.Join(found, ", ")
}
