// Counterpart asks Go's own packages for signed notes and transparent logs what they say of ours.
//
//	counterpart judge                 questions on stdin, a line of JSON each; a line of JSON for each answer
//	counterpart proofs                how the packages prove everything in a log of these entries (JSON on stdin)
//	counterpart site ADDRESS VKEY     reads a whole served or exported log through its tiles
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of tiles

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	log.SetFlags(0)
	switch os.Args[1] {
	case "judge":
		judge()
	case "proofs":
		proofs()
	case "site":
		site(os.Args[2], os.Args[3])
	}
}

// --- judge

type question struct {
	Note string   // to be opened
	Keys []string // verifier keys

	Proof            []tlog.Hash // of inclusion, or of consistency where there is an old size
	Size, Index, Old int64
	Root, Leaf, Was  tlog.Hash
}

type answer struct {
	Text       string   `json:"text,omitempty"`
	Verified   []string `json:"verified"`
	Unverified []string `json:"unverified"`
	Error      string   `json:"error,omitempty"`
}

func judge() {
	lines, answers := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			log.Fatal(err)
		}
		answers.Encode(asked.judge())
	}
}

func (asked question) judge() answer {
	var err error
	switch {
	case asked.Keys != nil:
		return asked.open()
	case asked.Old != 0:
		err = tlog.CheckTree(asked.Proof, asked.Size, asked.Root, asked.Old, asked.Was)
	default:
		err = tlog.CheckRecord(asked.Proof, asked.Size, asked.Root, asked.Index, asked.Leaf)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{}
}

func (asked question) open() answer {
	var known []note.Verifier
	for _, key := range asked.Keys {
		known = append(known, must(note.NewVerifier(key)))
	}
	opened, err := note.Open([]byte(asked.Note), note.VerifierList(known...))
	if err != nil {
		return answer{Error: err.Error()}
	}
	found := answer{Text: opened.Text}
	for _, signature := range opened.Sigs {
		found.Verified = append(found.Verified, signature.Name)
	}
	for _, signature := range opened.UnverifiedSigs {
		found.Unverified = append(found.Unverified, signature.Name)
	}
	return found
}

// --- a tree of the packages' own

type tree []tlog.Hash // the hashes in the packages' order of storing them

func (hashes tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		found = append(found, hashes[index])
	}
	return found, nil
}

func grow(entries [][]byte) tree {
	var hashes tree
	for n, entry := range entries {
		hashes = append(hashes, must(tlog.StoredHashes(int64(n), entry, hashes))...)
	}
	return hashes
}

// --- proofs

// Prints one hash of all inclusion proofs, and one of all consistency proofs, at all sizes.
func proofs() {
	var leaves []string
	if err := json.NewDecoder(os.Stdin).Decode(&leaves); err != nil {
		log.Fatal(err)
	}
	var entries [][]byte
	for _, leaf := range leaves {
		entries = append(entries, []byte(leaf))
	}
	hashes := grow(entries)
	inclusion, consistency := sha256.New(), sha256.New()
	for size := int64(1); size <= int64(len(entries)); size++ {
		for n := int64(0); n < size; n++ {
			write(inclusion, must(tlog.ProveRecord(size, n, hashes)))
			write(consistency, must(tlog.ProveTree(size, n+1, hashes)))
		}
	}
	fmt.Printf("%x\n%x\n", inclusion.Sum(nil), consistency.Sum(nil))
}

func write(into io.Writer, proof []tlog.Hash) {
	fmt.Fprintln(into, len(proof))
	for _, hash := range proof {
		into.Write(hash[:])
	}
}

// --- a log read through its tiles

type reader struct {
	base string
	read map[string][]byte
}

func address(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
}

func (from reader) Height() int { return height }

func (from reader) SaveTiles([]tlog.Tile, [][]byte) {}

func (from reader) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		found = append(found, from.get(address(tile)))
	}
	return found, nil
}

func (from reader) get(name string) []byte {
	if from.read[name] == nil {
		from.read[name] = from.fetch(name)
	}
	return from.read[name]
}

func (from reader) fetch(name string) []byte {
	if !strings.HasPrefix(from.base, "http") {
		return must(os.ReadFile(path.Join(from.base, name)))
	}
	got := must(http.Get(from.base + "/" + name))
	defer got.Body.Close()
	if got.StatusCode != 200 {
		log.Fatalf("%s: %s", name, got.Status)
	}
	return must(io.ReadAll(got.Body))
}

// Proves every entry, and that the log grew from every size, with hashes that the tiles have and the signed root vouches
// for. From a server, every tile of every smaller log is compared with what the packages make of the entries.
func site(base, vkey string) {
	from := reader{base, map[string][]byte{}}
	signed := must(note.Open(from.get("checkpoint"), note.VerifierList(must(note.NewVerifier(vkey)))))
	var current tlog.Tree
	var hash string
	lines := strings.Split(signed.Text, "\n")
	must(fmt.Sscan(strings.Join(lines[1:], "\n"), &current.N, &hash))
	current.Hash = must(tlog.ParseHash(hash))
	entries := from.entries(current.N)
	hashes, reading := grow(entries), tlog.TileHashReader(current, from)
	for n := int64(0); n < current.N; n++ {
		proof := must(tlog.ProveRecord(current.N, n, reading))
		if err := tlog.CheckRecord(proof, current.N, current.Hash, n, tlog.RecordHash(entries[n])); err != nil {
			log.Fatalf("entry %d: %v", n, err)
		}
		grown, was := must(tlog.ProveTree(current.N, n+1, reading)), must(tlog.TreeHash(n+1, hashes))
		if err := tlog.CheckTree(grown, current.N, current.Hash, n+1, was); err != nil {
			log.Fatalf("size %d: %v", n+1, err)
		}
	}
	if strings.HasPrefix(base, "http") {
		fmt.Println(current.N, from.compare(current.N, hashes))
	} else {
		fmt.Println(current.N)
	}
}

// The entries, from the bundles.
func (from reader) entries(size int64) [][]byte {
	var found [][]byte
	for int64(len(found)) < size {
		n := int64(len(found)) >> height
		tile := tlog.Tile{H: height, L: 0, N: n, W: width(size, n)}
		bundle := from.get(strings.Replace(address(tile), "tile/0/", "tile/entries/", 1))
		for len(bundle) > 0 {
			end := 2 + int(bundle[0])<<8 + int(bundle[1])
			found, bundle = append(found, bundle[2:end]), bundle[end:]
		}
	}
	return found
}

// Compares each tile of every log up to this size; how many there are.
func (from reader) compare(size int64, hashes tree) int {
	compared := map[tlog.Tile]bool{}
	for n := int64(1); n <= size; n++ {
		for _, tile := range tilesOf(n) {
			if !bytes.Equal(from.get(address(tile)), must(tlog.ReadTileData(tile, hashes))) {
				log.Fatalf("%s is another", address(tile))
			}
			compared[tile] = true
		}
	}
	return len(compared)
}

// Every tile of a log of this size, at its edge as wide as it is.
func tilesOf(size int64) []tlog.Tile {
	var found []tlog.Tile
	for level := 0; size > 0; level, size = level+1, size>>height {
		for n := int64(0); n<<height < size; n++ {
			found = append(found, tlog.Tile{H: height, L: level, N: n, W: width(size, n)})
		}
	}
	return found
}

// How many hashes the tile n of a level has, of all that there are on it.
func width(hashes, n int64) int {
	if rest := hashes - n<<height; rest < 1<<height {
		return int(rest)
	}
	return 1 << height
}
