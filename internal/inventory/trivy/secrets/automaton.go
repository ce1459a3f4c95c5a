// Copyright The Assay Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

// automaton finds many texts in one pass (Aho and Corasick, 1975). It takes upper-case ASCII letters for lower-case ones.
type automaton struct {
	classes [256]uint8 // of bytes that no text tells apart
	width   int        // number of classes
	next    []uint32   // by state plus class; a state is a multiple of width
	quiet   uint32     // states below it end no text
	ends    [][]int    // by state/width: indexes of the texts that end there
}

// newAutomaton returns one that finds the texts, which are in lower case and not empty.
func newAutomaton(texts []string) *automaton {
	a := &automaton{width: 1}
	for _, text := range texts {
		for _, b := range []byte(text) {
			if a.classes[b] == 0 {
				a.classes[b] = uint8(a.width)
				a.width++
			}
		}
	}
	for b := 'A'; b <= 'Z'; b++ {
		a.classes[b] = a.classes[b+'a'-'A']
	}
	trie := a.trie(texts)
	a.link(trie)
	return a
}

// node of the trie of the texts.
type node struct {
	children []int // by class; 0 where there is none, since the root is no child
	ends     []int
}

func (a *automaton) trie(texts []string) []node {
	nodes := []node{{children: make([]int, a.width)}}
	for index, text := range texts {
		at := 0
		for _, b := range []byte(text) {
			class := a.classes[b]
			if nodes[at].children[class] == 0 {
				nodes[at].children[class] = len(nodes)
				nodes = append(nodes, node{children: make([]int, a.width)})
			}
			at = nodes[at].children[class]
		}
		nodes[at].ends = append(nodes[at].ends, index)
	}
	return nodes
}

// link makes the trie a table that has a next state for each byte, level by level.
func (a *automaton) link(nodes []node) {
	order, fails := []int{0}, make([]int, len(nodes))
	for i := 0; i < len(order); i++ {
		at := order[i]
		nodes[at].ends = append(nodes[at].ends, nodes[fails[at]].ends...)
		if at == 0 {
			nodes[at].ends = nil
		}
		for class, child := range nodes[at].children {
			fallback := nodes[fails[at]].children[class]
			switch {
			case child == 0:
				nodes[at].children[class] = fallback
			case at == 0:
				order = append(order, child)
			default:
				fails[child] = fallback
				order = append(order, child)
			}
		}
	}
	a.number(nodes)
}

// number gives states that end no text the lower numbers, so that one comparison tells them from the others.
func (a *automaton) number(nodes []node) {
	numbers := make([]uint32, len(nodes))
	count := uint32(0)
	for _, ending := range []bool{false, true} {
		for i := range nodes {
			if (len(nodes[i].ends) > 0) == ending {
				numbers[i] = count * uint32(a.width)
				count++
			}
		}
		if !ending {
			a.quiet = count * uint32(a.width)
		}
	}
	a.next = make([]uint32, len(nodes)*a.width)
	a.ends = make([][]int, len(nodes))
	for i := range nodes {
		for class, child := range nodes[i].children {
			a.next[int(numbers[i])+class] = numbers[child]
		}
		a.ends[int(numbers[i])/a.width] = nodes[i].ends
	}
}

// find calls found with the index of each text in content and the offset after it.
func (a *automaton) find(content []byte, found func(text, end int)) {
	state := uint32(0)
	for i, b := range content {
		state = a.next[state+uint32(a.classes[b])]
		if state >= a.quiet {
			for _, text := range a.ends[int(state)/a.width] {
				found(text, i+1)
			}
		}
	}
}
