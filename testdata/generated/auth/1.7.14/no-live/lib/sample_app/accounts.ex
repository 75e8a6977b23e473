defmodule SampleApp.Accounts do
  @moduledoc "Who the users are, and how they prove it."

  alias SampleApp.Accounts.{User, UserToken}
  alias SampleApp.Repo

  def get_user_by_email_and_password(email, password) do
    user = Repo.get_by(User, email: email)
    if User.valid_password?(user, password), do: user
  end

  def register_user(attrs) do
    %User{} |> User.registration_changeset(attrs) |> Repo.insert()
  end

  def get_user_by_session_token(token) do
    {:ok, query} = UserToken.verify_session_token_query(token)
    Repo.one(query)
  end
end
