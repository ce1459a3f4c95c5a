// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/assay-dev/assay/api/v1alpha1"
	"github.com/assay-dev/assay/internal/evidence"
)

// maxUserID is the greatest user id that container runtimes take (the libcontainer user package).
const maxUserID = 1<<31 - 1

// maxNamedUser bounds what a message shows of an image's user, in characters.
const maxNamedUser = 48

// A plain number is decimal without a sign or leading zeros; a plain name is one that useradd takes, in either case.
var (
	plainNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)
	plainName   = regexp.MustCompile(`^[A-Za-z_][-A-Za-z0-9_.]{0,31}$`)
)

// judgeUser says whether no platform's image starts as root. Which number a name stands for is written in the image's own
// /etc/passwd, so that a name other than root is the image's word; a number is proof.
func judgeUser(e evidence.Evidence) judgement {
	if len(e.Platforms) == 0 {
		return judgement{of: v1alpha1.ResultUnknown, reason: v1alpha1.ReasonInProgress, message: "the image's configuration was not looked at yet"}
	}
	for _, p := range byPlatform(e) {
		if nonRoot(p.Config.User) {
			continue
		}
		message := fmt.Sprintf(`the image starts as user "%s", which is root or may be taken for it; `+
			"write USER with a plain number other than 0, such as 65532", evidence.Printable(p.Config.User, maxNamedUser))
		if p.Config.User == "" {
			message = "the image names no user and so starts as root; write USER with a plain number other than 0, such as 65532"
		}
		if len(e.Platforms) > 1 {
			message = platformName(p) + ": " + message
		}
		return fail(v1alpha1.ReasonRunsAsRoot, message)
	}
	return pass()
}

// nonRoot says that every runtime reads the user as one other than root. Runtimes disagree on forms such as "00", "+0", "0x0",
// " 0" and 4294967296 (CVE-2024-40635), so that only plain numbers and names pass.
func nonRoot(user string) bool {
	name, group, hasGroup := strings.Cut(user, ":")
	if hasGroup && !plainNumber.MatchString(group) && !plainName.MatchString(group) {
		return false
	}
	if plainNumber.MatchString(name) {
		id, err := strconv.ParseInt(name, 10, 64)
		return err == nil && id > 0 && id <= maxUserID
	}
	return plainName.MatchString(name) && !strings.EqualFold(name, "root")
}
