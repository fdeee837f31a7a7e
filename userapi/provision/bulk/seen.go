package bulk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// A digest stands for a value of a field at a target: 96 bits of a SHA-256 with a key that is
// made for the run, and the number of the shard is of these. Nobody who writes a file can aim
// at it. Of 10,000,000 values two different ones have one digest with a chance below 1 in 10^15.
type digest struct {
	shard   uint8
	high    uint64 // not 0
	lowBits uint64 // 24 bits of it, above those of a line
}

// lineBits are those of a line in a sighting: 10^12 lines.
const (
	lineBits = 40
	lineMask = 1<<lineBits - 1
)

// A digester makes digests. It is for one goroutine.
type digester struct {
	key  [sha256.Size]byte
	text []byte
}

func newKey() (key [sha256.Size]byte) {
	_, _ = rand.Read(key[:]) // it never fails
	return key
}

// of returns the digest of a value.
func (d *digester) of(target, field, value string) digest {
	d.text = append(d.text[:0], d.key[:]...)
	for _, part := range [...]string{target, field, value} {
		d.text = binary.AppendUvarint(d.text, uint64(len(part)))
		d.text = append(d.text, part...)
	}
	sum := sha256.Sum256(d.text)
	return digest{
		shard: sum[0], high: max(binary.BigEndian.Uint64(sum[1:]), 1),
		lowBits: binary.BigEndian.Uint64(sum[9:]) &^ lineMask,
	}
}

// seen has the lines of the values that were read, in 16 bytes for each and the room that is
// kept free, about a twelfth of it. It is for one goroutine.
type seen struct{ shards [256]shard }

// add returns the line that had the value first; 0, false if that is this one.
func (s *seen) add(d digest, line int64) (first int64, twice bool) {
	return s.shards[d.shard].add(sighting{d.high, d.lowBits | uint64(line)&lineMask}) //nolint:gosec // masked
}

// A sighting is a digest, and in the last bits of low the line.
type sighting struct{ high, low uint64 }

// before orders sightings by their digests.
func (e sighting) before(other sighting) bool {
	return e.high < other.high || e.high == other.high && e.low>>lineBits < other.low>>lineBits
}

// A shard is a hash table with linear probing whose sightings are in the order of their digests: it
// can be filled to 95 %, and grows by a sixteenth. Each shard grows by itself, so that little
// is there twice.
type shard struct {
	slots []sighting // high is 0 in those that are free
	homes int        // how many of the slots, the first ones, a sighting can belong to
	n     int
}

// home returns the slot from which on a sighting is looked for.
func (s *shard) home(e sighting) int {
	high, _ := bits.Mul64(e.high, uint64(s.homes)) //nolint:gosec // not negative
	return int(high)                               //nolint:gosec // below homes
}

func (s *shard) add(e sighting) (line int64, twice bool) {
	if s.n >= s.homes-s.homes/20 {
		s.grow()
	}
	at := s.home(e)
	for at < len(s.slots) && s.slots[at].high != 0 && s.slots[at].before(e) {
		at++
	}
	if at < len(s.slots) && s.slots[at].high == e.high && !e.before(s.slots[at]) {
		return int64(s.slots[at].low & lineMask), true
	}
	free := at
	for free < len(s.slots) && s.slots[free].high != 0 {
		free++
	}
	if free == len(s.slots) {
		s.grow()
		return s.add(e)
	}
	copy(s.slots[at+1:free+1], s.slots[at:free])
	s.slots[at] = e
	s.n++
	return 0, false
}

// grow makes room, until all sightings have a slot.
func (s *shard) grow() {
	old := s.slots
	for fits := false; !fits; {
		s.homes += max(s.homes/16, 16)
		s.slots = make([]sighting, s.homes+s.homes/64+16) // the last ones are for those that were pushed on
		fits = s.fill(old)
	}
}

// fill takes over sightings, which are in order.
func (s *shard) fill(old []sighting) bool {
	next := 0
	for _, e := range old {
		if e.high == 0 {
			continue
		}
		at := max(s.home(e), next)
		if at >= len(s.slots) {
			return false
		}
		s.slots[at], next = e, at+1
	}
	return true
}
