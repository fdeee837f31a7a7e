package table

import "slices"

// maxChunk bounds how much an insertion moves.
const maxChunk = 512

// keys is a set of texts in order. It is cut into chunks, none of them empty, so that a
// change in a set of a million moves little.
type keys struct{ chunks [][]string }

// find returns the place of a key, or where it belongs.
func (k *keys) find(key string) (chunk, at int, found bool) {
	chunk, found = slices.BinarySearchFunc(k.chunks, key, func(c []string, key string) int {
		switch {
		case c[len(c)-1] < key:
			return -1
		case c[0] > key:
			return 1
		}
		return 0
	})
	if !found {
		return chunk, 0, false
	}
	at, found = slices.BinarySearch(k.chunks[chunk], key)
	return chunk, at, found
}

func (k *keys) insert(key string) {
	chunk, at, found := k.find(key)
	switch {
	case found:
		return
	case len(k.chunks) == 0:
		k.chunks = [][]string{{key}}
		return
	case chunk == len(k.chunks): // behind the last
		chunk--
		at = len(k.chunks[chunk])
	}
	c := slices.Insert(k.chunks[chunk], at, key)
	k.chunks[chunk] = c
	if half := len(c) / 2; len(c) > maxChunk {
		k.chunks[chunk] = slices.Clone(c[:half])
		k.chunks = slices.Insert(k.chunks, chunk+1, slices.Clone(c[half:]))
	}
}

func (k *keys) remove(key string) {
	chunk, at, found := k.find(key)
	if !found {
		return
	}
	k.chunks[chunk] = slices.Delete(k.chunks[chunk], at, at+1)
	if len(k.chunks[chunk]) == 0 {
		k.chunks = slices.Delete(k.chunks, chunk, chunk+1)
	}
}

// after returns at most limit keys behind the given one.
func (k *keys) after(key string, limit int) (next []string) {
	chunk, at, found := k.find(key)
	if found {
		at++
	}
	for ; chunk < len(k.chunks) && len(next) < limit; chunk, at = chunk+1, 0 {
		c := k.chunks[chunk][at:]
		next = append(next, c[:min(len(c), limit-len(next))]...)
	}
	return next
}
