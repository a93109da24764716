/** What the editor looks like, in the page's own colours. */
import { EditorView } from '@codemirror/view'

export const editorTheme = EditorView.theme({
  '&': { height: '100%', color: 'var(--text)', fontSize: '1rem' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-2px', borderRadius: 'var(--radius-small)' },
  '.cm-scroller': { fontFamily: 'inherit', lineHeight: '1.65', overflow: 'auto' },
  // Room above the first line for the names of those who are in it.
  '.cm-content': { padding: '1.4rem 1rem 1rem', caretColor: 'var(--accent)' },
  '.cm-line': { padding: '0' },
  '.cm-cursor': { borderLeft: '2px solid var(--accent)' },
  '.cm-placeholder': { color: 'var(--text-soft)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'color-mix(in srgb, var(--accent) 25%, transparent)',
  },
  '.peer-selection': { backgroundColor: 'color-mix(in srgb, var(--who) 28%, transparent)', forcedColorAdjust: 'preserve-parent-color' },
  '.peer-caret': {
    position: 'relative',
    marginLeft: '-1px',
    marginRight: '-1px',
    borderLeft: '2px solid color-mix(in srgb, var(--who) var(--who-part), white)',
  },
  // Wide enough to be met by a pointer.
  '.peer-caret::before': { content: '""', position: 'absolute', inset: '0 -4px 0 -6px' },
  '.peer-caret:not(.named):not(:hover) .peer-name': { visibility: 'hidden' },
  '.peer-name': {
    position: 'absolute',
    bottom: '100%',
    left: '-2px',
    maxWidth: '12rem',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    padding: '0 0.35em',
    borderRadius: '4px 4px 4px 0',
    background: 'var(--who)',
    color: 'var(--on-who)',
    font: '600 0.6875rem/1.35 var(--font)',
    whiteSpace: 'nowrap',
    pointerEvents: 'none',
    userSelect: 'none',
    zIndex: '2',
  },
  // Where the system chooses the colours: a selection has none of its own then, and people would all look the same.
  '.cm-selectionBackground, .cm-cursor, .peer-caret, .peer-name': { forcedColorAdjust: 'none' },
})
