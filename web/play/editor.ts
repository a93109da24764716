/** The text editor: CodeMirror on a shared text. Lives in a shadow root, where its styles are constructed sheets and no policy has to allow any. */
import { defaultKeymap } from '@codemirror/commands'
import { Compartment, EditorState } from '@codemirror/state'
import { drawSelection, EditorView, keymap, placeholder } from '@codemirror/view'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import * as Y from 'yjs'
import { carets, showPeers } from './carets'
import { ownDirections } from './direction'
import { editorTheme } from './editor-theme'
import { NameTags } from './name-tags'
import type { Peer, TextPosition } from './peers'

/** What an editor tells. */
export interface Told {
  select(cursor: { anchor: TextPosition; head: TextPosition }): void
  /** The text as far as it is one, where it holds something else too and cannot be edited here; nothing when it can. */
  foreign(text: string | undefined): void
}

/** Every unit of it is a character: what else a text of Yjs may hold has no place in an editor. */
export const isPlain = (text: Y.Text): boolean => text.length === text.toJSON().length

export class Editor {
  private readonly root: ShadowRoot
  private readonly text: Y.Text
  private readonly told: Told
  private readonly readonly = new Compartment()
  private isReadonly = false
  private view: EditorView | undefined
  private peers: Peer[] = []
  private readonly tags = new NameTags()
  private tagTimer: ReturnType<typeof setTimeout> | undefined

  constructor(host: HTMLElement, text: Y.Text, told: Told) {
    this.root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
    this.text = text
    this.told = told
    // Before the editor hears of a change, which it could not take.
    text.doc?.on('beforeObserverCalls', this.check)
    this.check()
  }

  private readonly check = (transaction?: Y.Transaction): void => {
    if (transaction !== undefined && (transaction.local || !transaction.changed.has(this.text as never))) return
    const plain = isPlain(this.text)
    if (plain && this.view === undefined) {
      // In a transaction the observers of the text that is read now would be told of it again.
      if (transaction === undefined) this.open()
      else queueMicrotask(() => this.check())
    }
    if (!plain) this.close()
    this.told.foreign(plain ? undefined : this.text.toJSON())
    // Carets may have been ahead of the text that they stand in.
    if (transaction !== undefined) queueMicrotask(() => this.show(this.peers))
  }

  private open(): void {
    const undo = new Y.UndoManager(this.text)
    this.view = new EditorView({
      parent: this.root,
      root: this.root,
      state: EditorState.create({
        doc: this.text.toJSON(),
        extensions: [
          // Positions are those of Yjs, to which a carriage return is a character like any other.
          EditorState.lineSeparator.of('\n'),
          EditorView.clipboardInputFilter.of(text => text.replace(/\r\n?/g, '\n')),
          keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
          EditorView.lineWrapping,
          ownDirections,
          drawSelection(),
          placeholder('Write something. Whoever opens this page sees it while you type.'),
          EditorView.contentAttributes.of({ 'aria-label': 'Shared text', spellcheck: 'true' }),
          this.readonly.of(EditorState.readOnly.of(this.isReadonly)),
          yCollab(this.text, null, { undoManager: undo }),
          carets(this.text),
          EditorView.updateListener.of(update => {
            if (update.selectionSet || (update.focusChanged && update.view.hasFocus)) this.tellSelection(update.view)
          }),
          editorTheme,
        ],
      }),
    })
    this.show(this.peers)
  }

  private tellSelection(view: EditorView): void {
    const { anchor, head } = view.state.selection.main
    const position = (at: number): TextPosition => {
      const { item, assoc } = Y.createRelativePositionFromTypeIndex(this.text, Math.min(at, this.text.length))
      return { item: item === null ? null : { client: item.client, clock: item.clock }, assoc }
    }
    const named = (at: TextPosition) => (at.item === null ? { ...at, tname: 'text' } : at)
    this.told.select({ anchor: named(position(anchor)), head: named(position(head)) })
  }

  show(peers: Peer[]): void {
    this.peers = peers
    const { named, nextMs } = this.tags.of(peers, performance.now())
    if (this.view !== undefined) showPeers(this.view, peers, named)
    clearTimeout(this.tagTimer)
    if (nextMs !== undefined) this.tagTimer = setTimeout(() => this.show(this.peers), nextMs)
  }

  setReadonly(isReadonly: boolean): void {
    this.isReadonly = isReadonly
    this.view?.dispatch({ effects: this.readonly.reconfigure(EditorState.readOnly.of(isReadonly)) })
  }

  private close(): void {
    this.view?.destroy()
    this.view = undefined
  }

  destroy(): void {
    this.text.doc?.off('beforeObserverCalls', this.check)
    clearTimeout(this.tagTimer)
    this.close()
  }
}
