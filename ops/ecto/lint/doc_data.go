package lint

// dataDocs is what is said of the rules about rows.
var dataDocs = map[string]Doc{
	"unbounded-dml": {
		Lock: "ROW EXCLUSIVE on the table, and every row", Blocks: "writes to any of its rows, until the statement's transaction ends", Versions: "all",
		Why: "One statement for all rows holds each until the last is done, writes the table a second time, and sends all of it to the replicas at once.",
		Bad: `def up do
  execute "UPDATE posts SET views = 0"
end

def down, do: :ok`,
		Good: `@disable_ddl_transaction true

def up, do: batch(0)

def down, do: :ok

defp batch(last) do
  %{rows: rows} =
    repo().query!(
      """
      WITH batch AS (SELECT id FROM posts WHERE id > $1 ORDER BY id LIMIT 1000)
      UPDATE posts AS p SET views = 0 FROM batch WHERE p.id = batch.id RETURNING p.id
      """,
      [last]
    )

  unless rows == [] do
    Process.sleep(50)
    rows |> List.flatten() |> Enum.max() |> batch()
  end
end`,
		See: []string{safeEcto},
	},
	"app-code-in-migration": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A migration runs again on every new database, with the code of that day. A schema that has got a field since selects a column that is not there yet, and the migration fails.",
		Bad: `alias Demo.Blog.Post

def up do
  Demo.Repo.update_all(Post, set: [views: 0])
end

def down, do: :ok`,
		Good: `import Ecto.Query

def up do
  repo().update_all(from(p in "posts", where: is_nil(p.views)), set: [views: 0])
end

def down, do: :ok`,
		See: []string{safeEcto},
	},
	"query-before-flush": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "create, alter, execute and the rest are queued and run when the function is done or flush is called. What goes to the repo runs at once: it does not find the table or the column, and fails, or does its work before what stands above it.",
		Bad: `def up do
  create table(:settings) do
    add :name, :text
  end

  repo().query!("INSERT INTO settings (name) VALUES ('first')")
end

def down, do: drop(table(:settings))`,
		Good: `def up do
  create table(:settings) do
    add :name, :text
  end

  flush()
  repo().query!("INSERT INTO settings (name) VALUES ('first')")
end

def down, do: drop(table(:settings))`,
		See: []string{ectoMigrate + "#flush/0", ectoMigrate + "#module-executing-and-flushing"},
	},
}
