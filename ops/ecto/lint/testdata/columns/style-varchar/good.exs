# severity: style=info
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours, primary_key: false) do
      add :name, :text
    end
  end
end
