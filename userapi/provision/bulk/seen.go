package bulk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// A digest stands for the value of a field at a target. It is 96 bits of a SHA-256 under a random
// key of the run, so a file's author cannot force a collision. For 10,000,000 values the chance of
// a collision is below 1 in 10^15.
type digest struct {
	shard   uint8
	high    uint64 // not 0
	lowBits uint64 // 24 bits, above the bits of the line
}

// lineBits is the size of a line number in a sighting: up to 10^12 lines.
const (
	lineBits = 40
	lineMask = 1<<lineBits - 1
)

// A digester makes digests. It is not safe for concurrent use.
type digester struct {
	key  [sha256.Size]byte
	text []byte
}

func newKey() (key [sha256.Size]byte) {
	_, _ = rand.Read(key[:]) // never fails
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

// seen maps each value to the line that had it first. An entry takes 16 bytes, and about a twelfth
// of the slots is free. It is not safe for concurrent use.
type seen struct{ shards [256]shard }

// add returns the first line with the value, or 0, false if no earlier line had it.
func (s *seen) add(d digest, line int64) (first int64, twice bool) {
	return s.shards[d.shard].add(sighting{d.high, d.lowBits | uint64(line)&lineMask}) //nolint:gosec // masked
}

// A sighting is a digest and a line. The line is in the last bits of low.
type sighting struct{ high, low uint64 }

// before orders sightings by their digests.
func (e sighting) before(other sighting) bool {
	return e.high < other.high || e.high == other.high && e.low>>lineBits < other.low>>lineBits
}

// A shard is a hash table with linear probing. Its sightings are sorted by digest, so it works up
// to 95 % full. It grows by a sixteenth. Each shard grows alone, so only a small part of the table
// exists twice.
type shard struct {
	slots []sighting // a free slot has high == 0
	homes int        // number of home slots, at the start of slots
	n     int
}

// home returns the first slot where a sighting can be.
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

// grow adds slots until every sighting has one.
func (s *shard) grow() {
	old := s.slots
	for fits := false; !fits; {
		s.homes += max(s.homes/16, 16)
		s.slots = make([]sighting, s.homes+s.homes/64+16) // the last slots are for displaced sightings
		fits = s.fill(old)
	}
}

// fill inserts old sightings, in their order. It returns false if there are too few slots.
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
