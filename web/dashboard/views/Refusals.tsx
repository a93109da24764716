/** What the server refuses, as it happens. */
import { useId, useState } from 'preact/hooks'
import { words } from '../facts'
import { count, time } from '../format'
import { Empty } from '../parts/Notice'
import { missed } from '../state/live'
import { clear, entriesMax, isPaused, matches, pause, resume, shown, waiting } from '../state/log'

export function Refusals() {
  const [wanted, setWanted] = useState('')
  const id = useId()
  const entries = shown.value
  const found = wanted.trim() === '' ? entries : entries.filter(entry => matches(entry, wanted.trim()))
  return (
    <>
      <div class="view-head">
        <h1>Refusals</h1>
        <p class="soft">
          Who was not let in or had to go since this page was opened; the latest {entriesMax}.
          {missed.value > 0 && ` ${count(missed.value)} events were not told, because too much happened.`}
        </p>
      </div>
      <div class="tools">
        <div class="field">
          <label for={id}>Filter</label>
          <input
            id={id}
            type="search"
            maxLength={200}
            placeholder="reason, user or address"
            value={wanted}
            onInput={event => {
              setWanted(event.currentTarget.value)
            }}
          />
        </div>
        <button type="button" aria-pressed={isPaused.value} onClick={isPaused.value ? resume : pause}>
          {isPaused.value ? 'Go on' : 'Pause'}
        </button>
        <button type="button" onClick={clear} disabled={entries.length === 0}>
          Clear
        </button>
        <p class="soft">{isPaused.value ? `Paused, ${waiting.value} new` : `${found.length} shown`}</p>
      </div>
      {found.length === 0 ? (
        <Empty>{entries.length === 0 ? 'Nothing was refused since this page was opened.' : 'No refusal has these words.'}</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-label="Refusals">
          <table>
            <caption class="visually-hidden">Refusals, the newest first</caption>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Reason</th>
                <th scope="col">Detail</th>
                <th scope="col">User</th>
                <th scope="col">Address</th>
              </tr>
            </thead>
            <tbody>
              {found.map(entry => (
                <tr key={entry.id}>
                  <td class="nowrap">{time(entry.atMs)}</td>
                  <td>{words(entry.reason)}</td>
                  <td>{entry.detail}</td>
                  <td class="name">{entry.user}</td>
                  <td class="nowrap">{entry.address}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}
