defmodule Demo.Repo.Migrations.Conditions do
  use Ecto.Migration
  import Ecto.Query
  alias Demo.{Accounts, Repo}

  @disable_ddl_transaction true
  @disable_migration_lock true
  @env Application.compile_env(:demo, :env)

  defmodule Post do
    use Ecto.Schema

    schema "posts" do
      field :title, :string
    end
  end

  if @env == :prod do
    def after_begin, do: execute("SELECT 1")
  end

  def up do
    if System.get_env("WITH_INDEX") do
      create index(:posts, [:title], concurrently: true)
    else
      create index(:posts, [:body], concurrently: true)
    end

    case Accounts.kind() do
      :big -> execute("CREATE INDEX CONCURRENTLY big ON posts (id)")
      _ -> :ok
    end

    alter table(:posts) do
      if @env == :prod, do: add(:shard, :integer)
      add :kind, kind()
    end

    for t <- Repo.all(Post), do: execute("DELETE FROM posts WHERE id = #{t.id}")
    for schema <- schemas(), do: create(index(:posts, [:a], prefix: schema))

    flush()

    from(p in Post, where: is_nil(p.title)) |> Repo.update_all(set: [title: ""])
    Repo.update_all("posts", set: [title: ""])
    Post |> where([p], p.id > 1) |> limit(10) |> repo().delete_all()
    repo().insert_all("posts", [%{title: "a"}])
    Ecto.Adapters.SQL.query!(repo(), "UPDATE posts SET title = 'b'", [])
    Repo.transaction(fn -> Repo.query!("DELETE FROM posts WHERE id = $1", [1]) end)

    execute(fn ->
      repo().query!("VACUUM posts")
      repo().update_all(Accounts.Account, set: [a: 1])
    end)

    execute(dynamic())
    execute(dynamic())
    execute("ALTER TABLE #{table_name()} ADD COLUMN x int")
    execute("ALTER TABLE #{prefix()}.posts ADD COLUMN y int")
    execute("CREATE #{unique()} INDEX a ON posts (a)")
    execute('SELECT 1')
    create table(table_name(), prefix: prefix())
    create index(:posts, columns())
    rename unknown(), to: table(:renamed)
  end

  def down do
    raise Ecto.MigrationError, message: "no way back"
    drop table(:posts)
  end

  defp columns, do: Accounts.columns()
end
