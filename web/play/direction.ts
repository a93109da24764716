/** Each line of the editor reads in the direction of its own first letter, as text fields with `dir="auto"` do. */
import { type Extension, type Range, RangeSet } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from '@codemirror/view'

const line = Decoration.line({ attributes: { dir: 'auto' } })

function decorate({ state, visibleRanges }: EditorView): DecorationSet {
  const ranges: Range<Decoration>[] = []
  for (const { from, to } of visibleRanges) {
    for (let at = from; at <= to;) {
      const { from: start, to: end } = state.doc.lineAt(at)
      ranges.push(line.range(start))
      at = end + 1
    }
  }
  // Two ranges of one long line begin with the same.
  return RangeSet.of(ranges, true)
}

const lines = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet

    constructor(view: EditorView) {
      this.decorations = decorate(view)
    }

    update(update: ViewUpdate): void {
      if (update.docChanged || update.viewportChanged) this.decorations = decorate(update.view)
    }
  },
  { decorations: plugin => plugin.decorations },
)

/** The arrow keys and the caret follow what is shown. */
export const ownDirections: Extension = [lines, EditorView.perLineTextDirection.of(true)]
