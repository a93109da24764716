/** The frame around all views: who this is, where one can go, how fresh the figures are, and the question for a token. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Brand } from '../look/Brand'
import { ThemeSwitch } from '../look/ThemeSwitch'
import { asked, setToken, token } from './api/token'
import { ago } from './format'
import { now } from './state/clock'
import { connection, retryNow } from './state/feed'
import { status, statusAt } from './state/live'
import { route } from './state/route'
import { address, everything, type Route } from './state/route-address'
import { named } from './text'
import { Alerts } from './views/Alerts'
import { DocumentPage } from './views/Document'
import { Documents } from './views/Documents'
import { Overview } from './views/Overview'
import { Refusals } from './views/Refusals'
import { Settings } from './views/Settings'
import { TokenForm } from './views/TokenForm'

const titles: Record<Route['view'], string> = {
  overview: 'Overview',
  alerts: 'Alerts',
  documents: 'Documents',
  document: 'Document',
  refusals: 'Refusals',
  settings: 'Settings',
}

const places: readonly Exclude<Route, { view: 'document' }>[] = [
  { view: 'overview' },
  { view: 'alerts' },
  { view: 'documents', listing: everything },
  { view: 'refusals' },
  { view: 'settings' },
]

export function App() {
  const { view } = route.value
  const name = route.value.view === 'document' ? route.value.name : null
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)

  useEffect(() => {
    document.title = `${name === null ? titles[view] : named(name)} · Selvedge`
    // Whoever reads with a screen reader hears that there is another view; the first load is heard anyway.
    if (isFirst.current) isFirst.current = false
    else main.current?.focus()
  }, [view, name])

  const isAsked = asked.value !== null
  const wasAsked = useRef(isAsked)
  useEffect(() => {
    // The field that had the focus is gone with the question.
    if (wasAsked.current && !isAsked) main.current?.focus()
    wasAsked.current = isAsked
  }, [isAsked])

  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={event => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to the content
      </a>
      <header class="top">
        <Brand href="#/overview" />
        <Freshness />
        <div class="top-end">
          {token.value !== null && (
            <button
              type="button"
              onClick={() => {
                setToken(null)
              }}
            >
              Forget token
            </button>
          )}
          <ThemeSwitch />
        </div>
      </header>
      <nav class="side" aria-label="Views">
        <ul>
          {places.map(place => (
            <li key={place.view}>
              <a
                href={address(place)}
                aria-current={view === place.view || (view === 'document' && place.view === 'documents') ? 'page' : undefined}
              >
                {titles[place.view]}
                {place.view === 'alerts' && <AlertCount />}
              </a>
            </li>
          ))}
          <li>
            <a href="/play">Playground</a>
          </li>
        </ul>
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {asked.value === null ? <CurrentView /> : <TokenForm why={asked.value} />}
      </main>
    </>
  )
}

function CurrentView(): ComponentChildren {
  const shown = route.value
  switch (shown.view) {
    case 'overview':
      return <Overview />
    case 'alerts':
      return <Alerts />
    case 'documents':
      return <Documents listing={shown.listing} />
    case 'document':
      return <DocumentPage key={shown.name} name={shown.name} />
    case 'refusals':
      return <Refusals />
    case 'settings':
      return <Settings />
  }
}

function AlertCount() {
  const alerts = status.value?.alerts ?? []
  if (alerts.length === 0) return null
  const isCritical = alerts.some(alert => alert.severity === 'critical')
  return (
    <span class={`badge ${isCritical ? 'bad' : 'warn'}`}>
      {alerts.length}
      <span class="visually-hidden"> open</span>
    </span>
  )
}

/** What the stream does, and how old the figures are. Only a change of its state is spoken, not each second. */
function Freshness() {
  const state = connection.value
  const age = statusAt.value === null ? null : now.value - statusAt.value
  // A second is the pace of the status; three are a hiccup.
  const isStale = age !== null && age > 3_000
  const shown = { connecting: 'Connecting…', live: 'Live', resting: 'Paused', waiting: 'Disconnected', refused: 'Not allowed' }[state.phase]
  return (
    <div class={`freshness ${state.phase}`}>
      <span class="dot" aria-hidden="true" />
      <span role="status">{shown}</span>
      {state.phase === 'waiting' && (
        <>
          <span class="soft">
            {state.why} Next try in {Math.max(0, Math.ceil((state.untilMs - now.value) / 1_000))} s.
          </span>
          <button type="button" onClick={retryNow}>
            Try now
          </button>
        </>
      )}
      {state.phase === 'refused' && asked.value === null && (
        <>
          <span class="soft">{state.why}</span>
          <button
            type="button"
            onClick={() => {
              asked.value = state.why
            }}
          >
            Use another token
          </button>
        </>
      )}
      {isStale && <span class="soft">Figures from {ago(age)}</span>}
    </div>
  )
}
