# with: timeout=none
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    # The call runs at once, the alter when the queue is flushed.
    alter table(:posts) do
      add :title, :text
    end

    repo().query!("SET LOCAL lock_timeout TO '5s'")
  end
end
