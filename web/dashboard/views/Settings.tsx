/** The settings in force: those that can change while the server runs can be changed here, one after the other, and changed back. */
import { useId, useState } from 'preact/hooks'
import { json } from '../api/client'
import { Confirm } from '../parts/Confirm'
import { Empty, Standing } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { parse, type Setting, valueMax } from '../settings'

export function Settings() {
  const page = useLoaded(async signal => parse(await json('/v1/settings', { signal })), 'settings')
  const [words, setWords] = useState('')
  const [onlyLive, setOnlyLive] = useState(true)
  const [editing, setEditing] = useState<Setting | null>(null)
  const [isRollingBack, setRollingBack] = useState(false)
  const [said, setSaid] = useState('')
  const id = useId()
  const found = (page.value?.settings ?? []).filter(
    setting =>
      (setting.isLive || !onlyLive) && `${setting.name} ${setting.group} ${setting.meaning}`.toLowerCase().includes(words.toLowerCase()),
  )
  const groups = [...new Set(found.map(setting => setting.group))]
  return (
    <>
      <div class="view-head">
        <h1>Settings</h1>
        {page.value?.revision !== null && page.value && <p class="soft">Revision {page.value.revision}</p>}
      </div>
      <div class="tools">
        <div class="field">
          <label for={`${id}-filter`}>Filter</label>
          <input
            id={`${id}-filter`}
            type="search"
            maxLength={200}
            value={words}
            onInput={event => {
              setWords(event.currentTarget.value)
            }}
          />
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={onlyLive}
            onChange={event => {
              setOnlyLive(event.currentTarget.checked)
            }}
          />
          Only those that can change now
        </label>
        <button
          type="button"
          disabled={page.value === null || page.value.revision === 1}
          onClick={() => {
            setRollingBack(true)
          }}
        >
          Roll back the last change
        </button>
      </div>
      <p class="soft" role="status">
        {said}
      </p>
      <Standing of={page} what="settings" />
      {page.value && page.value.pending.length > 0 && (
        <p class="banner">The settings file has changed; after a restart other values hold of {page.value.pending.join(', ')}.</p>
      )}
      {page.value && found.length === 0 && <Empty>No setting has these words.</Empty>}
      {groups.map(group => (
        <Group key={group} name={group} settings={found.filter(setting => setting.group === group)} edit={setEditing} />
      ))}
      {editing && (
        <Edit
          setting={editing}
          revision={page.value?.revision ?? null}
          changed={() => {
            setSaid(`${editing.name} has changed.`)
            page.again()
          }}
          close={() => {
            setEditing(null)
          }}
        />
      )}
      {isRollingBack && (
        <Confirm
          title="Roll back the last change?"
          action="Roll back"
          act={async () => {
            await json('/v1/settings/rollback', { method: 'POST' })
            setSaid('The last change was rolled back.')
            page.again()
          }}
          close={() => {
            setRollingBack(false)
          }}
        >
          <p>The settings become what they were before the last change. It holds at once, for all cores.</p>
        </Confirm>
      )}
    </>
  )
}

function Group({ name, settings, edit }: { name: string; settings: readonly Setting[]; edit: (setting: Setting) => void }) {
  const id = useId()
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{name === '' ? 'Others' : name}</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby={id}>
        <table class="settings stacked">
          <caption class="visually-hidden">Settings: {name}</caption>
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Value</th>
              <th scope="col">Allowed</th>
              <th scope="col">From</th>
              <th scope="col">
                <span class="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {settings.map(setting => (
              <tr key={setting.name}>
                <th scope="row">
                  <code>{setting.name}</code>
                  <span class="meaning soft">{setting.meaning}</span>
                </th>
                <td class="value-cell" data-label="Value" title={`${setting.value} ${setting.unit}`.trim()}>
                  {setting.shownValue}
                </td>
                <td data-label="Allowed">{setting.allowed}</td>
                <td data-label="From">{setting.origin}</td>
                <td class="end">
                  {setting.isLive ? (
                    <button
                      type="button"
                      aria-label={`Change ${setting.name}`}
                      onClick={() => {
                        edit(setting)
                      }}
                    >
                      Change
                    </button>
                  ) : (
                    <span class="soft">needs a restart</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function Edit({
  setting,
  revision,
  changed,
  close,
}: {
  setting: Setting
  revision: number | null
  changed: () => void
  close: () => void
}) {
  const [value, setValue] = useState(setting.value)
  const id = useId()
  const send = async (value: string | null) => {
    await json('/v1/settings', {
      method: 'PATCH',
      body: { [setting.name]: value },
      ...(revision === null ? {} : { more: { 'if-match': `"${revision}"` } }),
    })
    changed()
  }
  return (
    <Confirm
      title={`Change ${setting.name}`}
      action="Change it now"
      act={() => send(value.trim() === '' ? null : value.trim())}
      close={close}
    >
      <p>{setting.meaning}</p>
      <p class="soft">
        Now {setting.shownValue}; default {setting.default}. Allowed: {setting.allowed}
      </p>
      <div class="field">
        <label for={id}>New value{setting.unit === '' ? '' : ` (${setting.unit})`}</label>
        {setting.isSwitch ? (
          <select
            id={id}
            value={value}
            onChange={event => {
              setValue(event.currentTarget.value)
            }}
          >
            <option value="true">true</option>
            <option value="false">false</option>
          </select>
        ) : (
          <input
            id={id}
            maxLength={valueMax}
            autocomplete="off"
            spellcheck={false}
            value={value}
            onInput={event => {
              setValue(event.currentTarget.value)
            }}
          />
        )}
      </div>
      <p class="soft">
        It holds at once, for all cores, until the server is restarted, and is written to the audit log. Left empty, it becomes what the
        settings file, the environment and the command line say.
      </p>
    </Confirm>
  )
}
