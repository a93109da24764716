/** Carets and selections of the others in the editor. What it is given has been checked; positions may still be of no use. */
import { type Extension, type Range, RangeSet, StateEffect, StateField } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView, WidgetType } from '@codemirror/view'
import * as Y from 'yjs'
import { textOn } from './palette'
import type { Peer, TextPosition } from './peers'

interface Shown {
  peers: Peer[]
  /** The ids of those whose names are beside their carets. */
  named: ReadonlySet<number>
}

const shown = StateEffect.define<Shown>()

/** Draws these instead of those before. */
export function showPeers(view: EditorView, peers: Peer[], named: ReadonlySet<number>): void {
  view.dispatch({ effects: shown.of({ peers, named }) })
}

class Caret extends WidgetType {
  private readonly peer: Peer
  private readonly isNamed: boolean

  constructor(peer: Peer, isNamed: boolean) {
    super()
    this.peer = peer
    this.isNamed = isNamed
  }

  override eq(other: Caret): boolean {
    const [mine, its] = [this.peer, other.peer]
    return its.id === mine.id && its.color === mine.color && its.name === mine.name && other.isNamed === this.isNamed
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement('span')
    caret.className = this.isNamed ? 'peer-caret named' : 'peer-caret'
    caret.style.setProperty('--who', this.peer.color)
    caret.style.setProperty('--on-who', textOn(this.peer.color))
    // Who is where is said in the list of people; in the text it would be read between the words.
    caret.ariaHidden = 'true'
    const name = document.createElement('span')
    name.className = 'peer-name'
    name.textContent = this.peer.name
    // With a direction of its own it does not count for that of the line.
    name.dir = 'auto'
    caret.append(name)
    return caret
  }

  /** A click on it is one on the text. */
  override ignoreEvent(): boolean {
    return false
  }
}

/** Where a position is in the text now, or nothing where it means nothing here. */
export function indexOf(position: TextPosition, text: Y.Text): number | undefined {
  const { doc } = text
  if (doc === null) return undefined
  if (position.item === null) return text.length
  try {
    const { client, clock } = position.item
    const found = Y.createAbsolutePositionFromRelativePosition(
      new Y.RelativePosition(null, null, Y.createID(client, clock), position.assoc),
      doc,
    )
    return found?.type === text ? found.index : undefined
  } catch {
    // It names what is not there, or no longer.
    return undefined
  }
}

function decorate({ peers, named }: Shown, text: Y.Text, length: number): DecorationSet {
  const ranges: Range<Decoration>[] = []
  for (const peer of peers) {
    if (peer.cursor === undefined) continue
    const [anchor, head] = [indexOf(peer.cursor.anchor, text), indexOf(peer.cursor.head, text)]
    if (anchor === undefined || head === undefined || Math.max(anchor, head) > length) continue
    const [from, to] = anchor < head ? [anchor, head] : [head, anchor]
    if (from < to) ranges.push(Decoration.mark({ class: 'peer-selection', attributes: { style: `--who: ${peer.color}` } }).range(from, to))
    ranges.push(Decoration.widget({ widget: new Caret(peer, named.has(peer.id)), side: head > anchor ? -1 : 1 }).range(head))
  }
  return RangeSet.of(ranges, true)
}

export function carets(text: Y.Text): Extension {
  return StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update: (before, transaction) => {
      const latest = transaction.effects.filter(effect => effect.is(shown)).at(-1)
      // Between two reports carets move with the text around them.
      return latest === undefined ? before.map(transaction.changes) : decorate(latest.value, text, transaction.newDoc.length)
    },
    provide: field => EditorView.decorations.from(field),
  })
}
