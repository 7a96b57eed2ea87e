package service

import (
	_ "embed"
	"net/http"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/internal/version"
)

// openAPIText describes the service; VERSION in it stands for the program's.
//
//go:embed openapi.json
var openAPIText string

// openAPI answers with the description of the service.
func (s *Service) openAPI(w http.ResponseWriter, r *http.Request) int {
	if !allow(w, r, http.MethodGet, http.MethodHead) {
		return http.StatusMethodNotAllowed
	}
	text := strings.Replace(openAPIText, `"VERSION"`, strconv.Quote(version.String()), 1)
	h := w.Header()
	h["Content-Type"] = valueJSON
	h.Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write([]byte(text))
	return http.StatusOK
}
