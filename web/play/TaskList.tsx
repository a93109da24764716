/** The shared to-do list. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { isSeen } from '../look/names'
import type { Session } from './session'
import { type Task, Tasks, taskLengthMax, tasksMax } from './tasks'

export function TaskList({ session }: { session: Session }) {
  const model = useMemo(() => new Tasks(session.doc), [session])
  const [{ tasks, omitted }, setShown] = useState(() => model.tasks())
  const [said, setSaid] = useState('')
  const list = useRef<HTMLUListElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const [undoable, setUndoable] = useState(false)
  const isReadonly = session.readonly.value

  useEffect(() => {
    const read = () => setShown(model.tasks())
    const stacked = () => setUndoable(model.undo.canUndo())
    model.shared.observeDeep(read)
    for (const name of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) model.undo.on(name, stacked)
    return () => {
      model.shared.unobserveDeep(read)
      for (const name of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) model.undo.off(name, stacked)
    }
  }, [model])

  const undo = () => {
    if (isReadonly || model.undo.undo() === null) return
    setSaid('Undone')
    // The last one takes the button out of use, and the focus with it.
    if (!model.undo.canUndo() && document.activeElement?.matches('.undo')) field.current?.focus()
  }

  const add = (event: Event) => {
    event.preventDefault()
    const text = field.current?.value.trim() ?? ''
    if (text === '' || field.current === null) return
    model.add(text)
    field.current.value = ''
    setSaid(`Added ${text}`)
  }
  const remove = (task: Task, index: number) => {
    model.remove(task)
    setSaid(`Deleted ${task.text}`)
    // The focus goes to what is where it was, or to the field.
    const next = tasks[index + 1] ?? tasks[index - 1]
    const button = next && list.current?.querySelector<HTMLElement>(`[data-key="${next.key}"] .delete`)
    ;(button ?? field.current)?.focus()
  }
  const move = (task: Task, place: number) => {
    if (place < 0 || place >= tasks.length) return
    model.move(task, place)
    setSaid(`${task.text}: now ${place + 1} of ${tasks.length}`)
  }
  const left = tasks.filter(task => task.map !== undefined && !task.done).length

  return (
    <section
      class="card tasks"
      aria-labelledby="tasks-title"
      onFocusIn={() => session.at('list')}
      onKeyDown={event => {
        // What is typed for a new item is not in the list yet.
        if (event.key !== 'z' || event.shiftKey || event.target === field.current || !(event.ctrlKey || event.metaKey)) return
        event.preventDefault()
        undo()
      }}
    >
      <div class="tasks-head">
        <h2 id="tasks-title">
          To do{' '}
          {tasks.length > 0 && (
            <span class="soft count">
              {left} of {tasks.length} left
            </span>
          )}
        </h2>
        <button type="button" class="undo" aria-label="Undo in the list" disabled={!undoable || isReadonly} onClick={undo}>
          Undo
        </button>
      </div>
      <form onSubmit={add}>
        <label class="visually-hidden" for="new-task">
          New item
        </label>
        <input
          id="new-task"
          ref={field}
          dir="auto"
          maxLength={taskLengthMax}
          placeholder="Add an item"
          autocomplete="off"
          disabled={isReadonly}
        />
        <button type="submit" disabled={isReadonly}>
          Add
        </button>
      </form>
      <ul ref={list} aria-label="To-do items">
        {tasks.map((task, index) => (
          <Item
            key={task.key}
            task={task}
            index={index}
            count={tasks.length}
            isReadonly={isReadonly}
            model={model}
            onMove={place => move(task, place)}
            onRemove={() => remove(task, index)}
          />
        ))}
      </ul>
      {tasks.length === 0 && <p class="soft empty">Nothing to do yet.</p>}
      {omitted > 0 && (
        <p class="soft">
          The first {tasksMax} are shown, {omitted} more are not.
        </p>
      )}
      <span class="visually-hidden" role="status">
        {said}
      </span>
    </section>
  )
}

interface ItemProps {
  task: Task
  index: number
  count: number
  isReadonly: boolean
  model: Tasks
  onMove: (place: number) => void
  onRemove: () => void
}

function Item({ task, index, count, isReadonly, model, onMove, onRemove }: ItemProps) {
  const [dragged, setDragged] = useState(false)
  const handle = useRef<HTMLButtonElement>(null)
  const isTask = task.map !== undefined
  const called = isSeen(task.text) ? task.text : `item ${index + 1}`

  const drag = useRef<(event: PointerEvent) => void>(() => {})
  drag.current = event => {
    const items = [...(handle.current?.closest('ul')?.children ?? [])]
    // The place of the first whose middle is below the pointer; past its own, all have moved up by one.
    const below = items.findIndex(item => {
      const { top, height } = item.getBoundingClientRect()
      return event.clientY < top + height / 2
    })
    const place = below === -1 ? count - 1 : below > index ? below - 1 : below
    if (place !== index) onMove(place)
  }
  useEffect(() => {
    if (!dragged) return
    // Not on the handle: it is moved in the page, and would no longer hear of the pointer.
    const ended = new AbortController()
    const stop = () => setDragged(false)
    addEventListener('pointermove', event => drag.current(event), { signal: ended.signal })
    addEventListener('pointerup', stop, { signal: ended.signal })
    addEventListener('pointercancel', stop, { signal: ended.signal })
    return () => ended.abort()
  }, [dragged])
  const moveByKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
    if (step === 0) return
    event.preventDefault()
    onMove(index + step)
    // The element moves in the page, and loses the focus with it.
    requestAnimationFrame(() => handle.current?.focus())
  }

  return (
    <li class={`${task.done ? 'done' : ''} ${dragged ? 'dragged' : ''}`} data-key={task.key}>
      {isTask && !isReadonly && (
        <button
          type="button"
          class="handle quiet"
          ref={handle}
          aria-label={`Move ${called}`}
          title="Drag, or press the arrow keys"
          onKeyDown={moveByKey}
          onPointerDown={() => setDragged(true)}
        >
          <svg viewBox="0 0 10 16" width="10" height="16" aria-hidden="true">
            {[3, 8, 13].map(y => [2, 8].map(x => <circle key={`${x} ${y}`} cx={x} cy={y} r="1.4" />))}
          </svg>
        </button>
      )}
      {isTask && (
        <input
          type="checkbox"
          aria-label={`Done: ${called}`}
          checked={task.done}
          disabled={isReadonly}
          onChange={event => model.tick(task, event.currentTarget.checked)}
        />
      )}
      {task.edited !== undefined && !isReadonly ? (
        <TaskText task={task} index={index} model={model} />
      ) : (
        <span class={`fixed ${isTask ? '' : 'soft'}`} dir="auto">
          {task.text}
        </span>
      )}
      {!isReadonly && (
        <button type="button" class="delete quiet" aria-label={`Delete ${called}`} onClick={onRemove}>
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M3 3l10 10M13 3L3 13" />
          </svg>
        </button>
      )}
    </li>
  )
}

/** The text of one item, as high as it is long. The field keeps its caret while others type in the same item. */
function TaskText({ task, index, model }: { task: Task; index: number; model: Tasks }) {
  const field = useRef<HTMLTextAreaElement>(null)
  const composing = useRef(false)
  useLayoutEffect(() => {
    const input = field.current
    if (input === null || composing.current || input.value === task.text) return
    const [start, end, before] = [input.selectionStart, input.selectionEnd, input.value]
    input.value = task.text
    let same = 0
    while (same < start && before[same] === task.text[same]) same++
    const shift = same < start ? task.text.length - before.length : 0
    if (document.activeElement === input) input.setSelectionRange(Math.max(0, start + shift), Math.max(0, end + shift))
  })
  const edit = (value: string) => {
    // One line, however it came here; but for what others have broken into several.
    model.edit(task, task.text.includes('\n') ? value : value.replace(/\s*[\r\n]+\s*/g, ' '))
  }
  return (
    // Behind the field the same text takes the room that it needs, and gives it to the field.
    <span class="grown" data-text={`${task.text} `}>
      <textarea
        class="task-text"
        ref={field}
        rows={1}
        dir="auto"
        defaultValue={task.text}
        aria-label={`Item ${index + 1}`}
        maxLength={taskLengthMax}
        autocomplete="off"
        onInput={event => {
          if (!composing.current) edit(event.currentTarget.value)
        }}
        onCompositionStart={() => {
          composing.current = true
        }}
        onCompositionEnd={event => {
          composing.current = false
          edit(event.currentTarget.value)
        }}
        onKeyDown={event => {
          if (event.key !== 'Enter' || event.isComposing) return
          event.preventDefault()
          document.getElementById('new-task')?.focus()
        }}
      />
    </span>
  )
}
