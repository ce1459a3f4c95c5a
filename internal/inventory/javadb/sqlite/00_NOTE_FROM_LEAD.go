// Note from the lead: the project's standard is "everything that Assay does not exist for is a well-kept library, even a slower one,
// rather than our own code". A reader of SQLite files of our own is not taken. modernc.org/sqlite is in go.mod (assay-index links it
// for rpm databases already). Please delete this package and open the Java database with modernc.org/sqlite through database/sql, read-only and
// immutable (file:...?mode=ro&immutable=1, one connection), after a child process has run PRAGMA quick_check on it, the way
// trivydb/check does for the vulnerability database. If linking it into the controller turns out to cost real memory, answer lists of SHA-1s
// from a child instead. (Delete this file with the package.)

package sqlite

var readTheNoteFromTheLead int = "delete this package: see 00_NOTE_FROM_LEAD.go"
