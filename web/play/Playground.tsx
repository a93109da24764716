/** The page: one document with three things in it, and who works on them. */
import { Brand } from '../look/Brand'
import { seen } from '../look/names'
import { ThemeSwitch } from '../look/ThemeSwitch'
import { Board } from './Board'
import { People } from './People'
import { Refusal } from './Refusal'
import { SaveMark } from './SaveMark'
import { Share } from './Share'
import type { Session } from './session'
import { TaskList } from './TaskList'
import { Text } from './Text'

export function Playground({ session }: { session: Session }) {
  const shown = seen(session.name)
  return (
    <>
      <header class="top">
        <div class="title">
          <Brand href="/" />
          <h1>Playground</h1>
          <p class="document-name" title={shown}>
            <span class="visually-hidden">Document: </span>
            {shown}
          </p>
          <nav aria-label="Pages">
            <a href={`/#/documents/${encodeURIComponent(session.name)}`} title="This document in the dashboard">
              Dashboard
            </a>
          </nav>
          <ThemeSwitch />
        </div>
        <div class="bar">
          <SaveMark session={session} />
          <label class="switch">
            <input
              type="checkbox"
              role="switch"
              aria-checked={!session.wanted.value}
              checked={!session.wanted.value}
              onChange={event => session.go(!event.currentTarget.checked)}
            />
            <span>Go offline</span>
          </label>
          <Share name={session.name} />
        </div>
        <People session={session} />
        <Refusal session={session} />
      </header>
      <main class="desk" tabIndex={-1}>
        <Text session={session} />
        <Board session={session} />
        <TaskList session={session} />
      </main>
    </>
  )
}
