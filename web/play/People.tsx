/** Who is here, where, and in which colour; and who one is oneself. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { choose, identity } from './identity'
import { colorLabel, palette, textOn } from './palette'
import { nameLengthMax, nameOf, type Peer, type Place } from './peers'
import type { Session } from './session'

const places: Record<Place, string> = { text: 'in the text', list: 'in the list', board: 'at the board' }

/** As many as fit; the rest is a number. */
const listedMax = 12

export function People({ session }: { session: Session }) {
  const { peers, count } = session.peers.value
  const { kind } = session.standing.value
  const isTogether = kind !== 'offline' && kind !== 'stopped' && kind !== 'refused'
  const list = useRef<HTMLUListElement>(null)
  const [scrolls, setScrolls] = useState(false)
  // On a narrow page it is one row: who has only keys scrolls it when it has the focus.
  useEffect(() => {
    const look = () => setScrolls(list.current !== null && list.current.scrollWidth > list.current.clientWidth)
    look()
    addEventListener('resize', look)
    return () => removeEventListener('resize', look)
  }, [peers, count])
  return (
    <div class="people">
      <Myself />
      <ul ref={list} aria-label="Who else is here" tabIndex={scrolls ? 0 : undefined}>
        {peers.slice(0, listedMax).map(peer => (
          <li key={peer.id}>
            <Person peer={peer} />
          </li>
        ))}
        {count > listedMax && <li class="soft">and {count - listedMax} more</li>}
        {count === 0 && (
          <li class="soft alone">
            {isTogether
              ? 'Nobody else is here. Open this page in a second tab, put the two side by side, and type in both.'
              : 'You are on your own until this page is connected again.'}
          </li>
        )}
      </ul>
    </div>
  )
}

function Person({ peer }: { peer: Peer }) {
  return (
    <span class="person">
      <Dot color={peer.color} name={peer.name} />
      <span class="name" dir="auto">
        {peer.name}
      </span>
      {peer.place && <span class="soft">{places[peer.place]}</span>}
    </span>
  )
}

function Dot({ color, name }: { color: string; name: string }) {
  return (
    <span class="avatar" style={{ background: color, color: textOn(color) }} aria-hidden="true">
      {Array.from(name)[0]?.toUpperCase()}
    </span>
  )
}

function Myself() {
  const me = identity.value
  return (
    <details
      class="myself"
      onKeyDown={event => {
        if (event.key !== 'Escape') return
        event.currentTarget.open = false
        event.currentTarget.querySelector('summary')?.focus()
      }}
      onFocusOut={event => {
        const panel = event.currentTarget
        // Once it is known where the focus went; a window that is left keeps it.
        setTimeout(() => {
          if (!panel.contains(document.activeElement)) panel.open = false
        })
      }}
    >
      <summary>
        <Dot color={me.color} name={me.name} />
        <span class="name" dir="auto">
          {me.name}
        </span>
        <span class="soft">you</span>
      </summary>
      {/* Takes the focus of a click between its fields. */}
      <div class="panel" tabIndex={-1}>
        <label>
          Your name
          <input
            value={me.name}
            dir="auto"
            maxLength={nameLengthMax}
            autocomplete="off"
            onChange={event => {
              const name = nameOf(event.currentTarget.value)
              if (name === undefined) event.currentTarget.value = me.name
              else choose({ ...me, name })
            }}
          />
        </label>
        <fieldset>
          <legend>Your colour</legend>
          {palette.map(color => (
            <label key={color} class="swatch" style={{ background: color }}>
              <input type="radio" name="colour" value={color} checked={color === me.color} onChange={() => choose({ ...me, color })} />
              <span class="visually-hidden">{colorLabel(color)}</span>
            </label>
          ))}
        </fieldset>
      </div>
    </details>
  )
}
