/** Who is here, where, and in which colour; and who one is oneself. */
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
  return (
    <div class="people">
      <Myself />
      <ul aria-label="Who else is here">
        {peers.slice(0, listedMax).map(peer => (
          <li key={peer.id}>
            <Person peer={peer} />
          </li>
        ))}
        {count > listedMax && <li class="soft">and {count - listedMax} more</li>}
        {count === 0 && (
          <li class="soft">
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
      <span class="name">{peer.name}</span>
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
    >
      <summary>
        <Dot color={me.color} name={me.name} />
        <span class="name">{me.name}</span>
        <span class="soft">you</span>
      </summary>
      <div class="panel">
        <label>
          Your name
          <input
            value={me.name}
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
