/** Carets and selections of the others in the editor. What it is given has been checked; positions may still be of no use. */
import { type Extension, type Range, RangeSet, StateEffect, StateField } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView, WidgetType } from '@codemirror/view'
import * as Y from 'yjs'
import { textOn } from './palette'
import type { Peer, TextPosition } from './peers'

const shown = StateEffect.define<Peer[]>()

/** Draws these instead of those before. */
export function showPeers(view: EditorView, peers: Peer[]): void {
  view.dispatch({ effects: shown.of(peers) })
}

class Caret extends WidgetType {
  private readonly peer: Peer

  constructor(peer: Peer) {
    super()
    this.peer = peer
  }

  override eq(other: Caret): boolean {
    return other.peer.id === this.peer.id && other.peer.color === this.peer.color && other.peer.name === this.peer.name
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement('span')
    caret.className = 'peer-caret'
    caret.style.setProperty('--who', this.peer.color)
    caret.style.setProperty('--on-who', textOn(this.peer.color))
    // Who is where is said in the list of people; in the text it would be read between the words.
    caret.ariaHidden = 'true'
    const name = document.createElement('span')
    name.className = 'peer-name'
    name.textContent = this.peer.name
    caret.append(name)
    return caret
  }

  override ignoreEvent(): boolean {
    return true
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

function decorate(peers: Peer[], text: Y.Text, length: number): DecorationSet {
  const ranges: Range<Decoration>[] = []
  for (const peer of peers) {
    if (peer.cursor === undefined) continue
    const [anchor, head] = [indexOf(peer.cursor.anchor, text), indexOf(peer.cursor.head, text)]
    if (anchor === undefined || head === undefined || Math.max(anchor, head) > length) continue
    const [from, to] = anchor < head ? [anchor, head] : [head, anchor]
    if (from < to) ranges.push(Decoration.mark({ class: 'peer-selection', attributes: { style: `--who: ${peer.color}` } }).range(from, to))
    ranges.push(Decoration.widget({ widget: new Caret(peer), side: head > anchor ? -1 : 1 }).range(head))
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
