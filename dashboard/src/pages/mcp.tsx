import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Result } from '../../../src/wire/rpc/methods.ts'
import { call } from '../api.ts'
import { useCall, useMay } from '../broker.ts'
import { usdCell, visible } from '../format.ts'
import { Failure, Loading, Name, Table } from '../parts.tsx'
import { Dialog, PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

type Tool = Result<'mcp.list_tools'>['tools'][number]

export function Mcp() {
  const servers = useCall('mcp.servers', {})
  const tools = useCall('mcp.list_tools', {})
  const may = useMay()
  const client = useQueryClient()
  const [tool, setTool] = useState<Tool>()
  const approve = useMutation({
    mutationFn: (held: { server: string; tool: string }) => call('mcp.approve_tool', held),
    onSettled: () => client.invalidateQueries(),
  })
  return (
    <>
      <PageHead title={t.pages.mcp} />
      <h2>{t.mcp.servers}</h2>
      {approve.error !== null && <Failure error={approve.error} />}
      <Loading query={servers}>
        {(list) =>
          list.length === 0 ? (
            <p className="state">{t.mcp.none}</p>
          ) : (
            <Table
              label={t.mcp.servers}
              rows={list}
              keyOf={({ name }) => name}
              columns={[
                { name: t.columns.name, cell: ({ name }) => <Name text={name} /> },
                { name: t.columns.state, cell: ({ state }) => state },
                { name: t.columns.tools, isNumber: true, cell: ({ tools: count }) => count ?? '—' },
                {
                  name: t.mcp.held,
                  cell: ({ name, held }) =>
                    (held ?? []).map((one) => (
                      <span key={String(one)}>
                        {visible(String(one))}{' '}
                        {may('mcp.approve_tool') && (
                          <button
                            type="button"
                            onClick={() => approve.mutate({ server: name, tool: String(one) })}
                          >
                            {t.mcp.approve}
                          </button>
                        )}
                      </span>
                    )),
                },
              ]}
            />
          )
        }
      </Loading>
      <h2>{t.mcp.tools}</h2>
      <Loading query={tools}>
        {({ tools: list }) => (
          <Table
            label={t.mcp.tools}
            rows={list}
            keyOf={({ name }) => name}
            columns={[
              { name: t.columns.name, cell: ({ name }) => <Name text={name} /> },
              {
                name: t.columns.description,
                isExtra: true,
                cell: ({ description }) => <Name text={description} />,
              },
              {
                name: t.columns.price,
                isNumber: true,
                cell: ({ price_usd: usd }) => (usd === undefined ? '—' : usdCell(usd)),
              },
              {
                name: t.mcp.try,
                cell: (one) => (
                  <button type="button" aria-label={`${t.mcp.try} ${one.name}`} onClick={() => setTool(one)}>
                    {t.mcp.try}
                  </button>
                ),
              },
            ]}
          />
        )}
      </Loading>
      {tool !== undefined && <Try tool={tool} close={() => setTool(undefined)} />}
    </>
  )
}

function Try({ tool, close }: { tool: Tool; close: () => void }) {
  const [text, setText] = useState('{}')
  const run = useMutation({
    mutationFn: () =>
      call('mcp.call_tool', { name: tool.name, arguments: JSON.parse(text) as Record<string, unknown> }),
  })
  return (
    <Dialog title={`${t.mcp.try}: ${tool.name}`} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          run.mutate()
        }}
      >
        <pre>{JSON.stringify(tool.inputSchema, undefined, 2)}</pre>
        <label>
          {t.mcp.args}
          <textarea value={text} onChange={({ target }) => setText(target.value)} />
        </label>
        {run.error !== null && <Failure error={run.error} />}
        {run.data !== undefined && (
          <pre>{visible(JSON.stringify(run.data, undefined, 1)).replaceAll('\\u000a', '\n')}</pre>
        )}
        <div className="actions">
          <button type="button" onClick={close}>
            {t.keys.close}
          </button>
          <button className="primary" disabled={run.isPending}>
            {t.mcp.run}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
