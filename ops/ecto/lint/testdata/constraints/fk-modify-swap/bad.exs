# severity: modify-implicit-type=off fk-missing-index=off add-column-references=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:comments) do
      modify :post_id, references(:posts, on_delete: :delete_all), # expect: fk-modify-swap error
        from: references(:posts)
    end
  end
end
