package graph

import "unicode/utf8"

// Measures of a drawing, in pixels at its natural size.
const (
	rowHeight  = 26 // of a node
	rowGap     = 6
	headHeight = 20 // of the heading above the nodes of one relation
	groupGap   = 10
	columnGap  = 70  // between columns, where the curves run
	glyphWidth = 7.3 // of a character of a label, as monospaced fonts have it at 12 px
	margin     = 16
	maxLabel   = 36 // characters; longer labels lose their middle
)

// box is where a node stands: its upper left corner and its width.
type box struct {
	x, y, w int
	side    int // 1: to the right of its parent, -1: to the left, 0: a start
	drawn   bool
}

func (b *box) middle() int { return b.y + rowHeight/2 }

// group is the nodes that one node names under one relation.
type group struct {
	relation Relation
	nodes    []int
	side     int
	y        int // of the heading
}

// layout places the nodes of a graph as a mind map does: the starts in the
// middle, what their reports name to both sides, by relation and outwards by
// depth. Each node stands beside the first that named it; edges between others
// are drawn across.
type layout struct {
	g       *Graph
	boxes   []box
	labels  []string
	groups  [][]group // by node: what stands beside it
	tree    []bool    // by edge: its target stands beside its source
	heights []int     // by node: of all that stands beside it
	columns map[int]int
	width   int
	height  int
}

func newLayout(g *Graph) *layout {
	l := &layout{
		g: g, boxes: make([]box, len(g.Nodes)), labels: make([]string, len(g.Nodes)), groups: make([][]group, len(g.Nodes)),
		tree: make([]bool, len(g.Edges)), heights: make([]int, len(g.Nodes)), columns: map[int]int{},
	}
	l.plant()
	for i := range g.Nodes {
		l.labels[i] = shorten(g.Nodes[i].Value, maxLabel)
		l.boxes[i].w = int(float64(utf8.RuneCountInString(l.labels[i]))*glyphWidth) + 62
	}
	var roots []int
	for i := range g.Nodes {
		if l.boxes[i].side == 0 {
			roots = append(roots, i)
		}
	}
	y := margin
	for _, r := range roots {
		l.sides(r)
		right, left := l.measure(r, 1), l.measure(r, -1)
		h := max(right, left, rowHeight)
		l.place(r, 0, y+(h-rowHeight)/2)
		l.spread(r, 1, 1, y+(h-right)/2)
		l.spread(r, -1, -1, y+(h-left)/2)
		y += h + 2*groupGap
	}
	l.height = max(y-2*groupGap, margin) + margin
	l.align()
	return l
}

// plant decides beside which node each stands.
func (l *layout) plant() {
	for i, e := range l.g.Edges {
		b := &l.boxes[e.Target]
		if l.g.Nodes[e.Target].Depth == 0 || b.side != 0 || l.g.Nodes[e.Source].Depth >= l.g.Nodes[e.Target].Depth {
			continue
		}
		b.side = 1
		l.tree[i] = true
		gs := l.groups[e.Source]
		at := -1
		for k := range gs {
			if gs[k].relation == e.Relation {
				at = k
			}
		}
		if at < 0 {
			l.groups[e.Source] = append(gs, group{relation: e.Relation, side: 1})
			at = len(gs)
		}
		l.groups[e.Source][at].nodes = append(l.groups[e.Source][at].nodes, e.Target)
	}
}

// sides gives each group of a root the side that is shorter so far.
func (l *layout) sides(root int) {
	var right, left int
	for i := range l.groups[root] {
		gr := &l.groups[root][i]
		h := l.groupHeight(gr)
		if left < right {
			gr.side = -1
			left += h
		} else {
			right += h
		}
		for _, n := range gr.nodes {
			l.turn(n, gr.side)
		}
	}
}

// turn puts a node and all beside it to a side.
func (l *layout) turn(n, side int) {
	l.boxes[n].side = side
	for i := range l.groups[n] {
		l.groups[n][i].side = side
		for _, m := range l.groups[n][i].nodes {
			l.turn(m, side)
		}
	}
}

func (l *layout) groupHeight(gr *group) int {
	h := headHeight
	for _, n := range gr.nodes {
		h += max(rowHeight, l.measure(n, 0)) + rowGap
	}
	return h - rowGap + groupGap
}

// measure returns the height of what stands on a side of a node, 0 being both.
func (l *layout) measure(n, side int) int {
	if side == 0 && l.heights[n] > 0 {
		return l.heights[n]
	}
	h := 0
	for i := range l.groups[n] {
		if gr := &l.groups[n][i]; side == 0 || gr.side == side {
			h += l.groupHeight(gr)
		}
	}
	h = max(h-groupGap, 0)
	if side == 0 {
		l.heights[n] = h
	}
	return h
}

// place puts a node into a column, whose width grows with it.
func (l *layout) place(n, column, y int) {
	l.boxes[n].x, l.boxes[n].y, l.boxes[n].drawn = column, y, true // x becomes pixels in align
	l.columns[column] = max(l.columns[column], l.boxes[n].w)
}

// spread places what stands on a side of a node, from y downwards.
func (l *layout) spread(n, side, column, y int) {
	for i := range l.groups[n] {
		gr := &l.groups[n][i]
		if gr.side != side {
			continue
		}
		gr.y = y
		y += headHeight
		l.columns[column] = max(l.columns[column], int(float64(utf8.RuneCountInString(gr.heading()))*6.5)+8)
		for _, m := range gr.nodes {
			inner := l.measure(m, 0)
			h := max(rowHeight, inner)
			l.place(m, column, y+(h-rowHeight)/2)
			l.spread(m, side, column+side, y+(h-inner)/2)
			y += h + rowGap
		}
		y += groupGap - rowGap
	}
}

// align turns columns into pixels.
func (l *layout) align() {
	lo, hi := 0, 0
	for c := range l.columns {
		lo, hi = min(lo, c), max(hi, c)
	}
	at := map[int]int{}
	x := margin
	for c := lo; c <= hi; c++ {
		at[c] = x
		x += l.columns[c] + columnGap
	}
	l.width = x - columnGap + margin
	for i := range l.boxes {
		b := &l.boxes[i]
		c := b.x
		b.x = at[c]
		if c < 0 { // what stands on the left is aligned at its right end
			b.x += l.columns[c] - b.w
		} else if c == 0 {
			b.x += (l.columns[c] - b.w) / 2
		}
	}
}

func (gr *group) heading() string { return gr.relation.plural(len(gr.nodes)) }

// shorten cuts the middle out of a text that has more characters than fit.
func shorten(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	r := []rune(s)
	head := (most - 1) * 3 / 5
	return string(r[:head]) + "…" + string(r[len(r)-(most-1-head):])
}
